"""What every platform needs to know of a job: what is shipped, what is read and written, how much Spark it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from sparring.config.schema import RunConfig
from sparring.errors import ConfigError
from sparring.io import storage

# What `gradle bundleEmr venvArchive` makes, below the folder of shipped files.
JOB, ARCHIVE, CONFIGS = "jobs/compare.py", "venv.tar.gz", "conf"
# Name under which the archive is unpacked beside every process.
ENVIRONMENT = "environment"
GIB = 1 << 30
# An executor that fits two to a common machine; what a run keeps of a table in memory beside what it takes as a file.
CORES, HEAP_GIB, GROWTH = 4, 14, 6
LEAST_EXECUTORS, MOST_EXECUTORS = 2, 100
SPARK_SETTINGS = {
    # Spark's hundred pieces of compiled code are fewer than a search for near duplicates has.
    "spark.sql.codegen.cache.maxEntries": "2000",
    # Executors that come and go would be measured with a contender, and XGBoost needs its own at the same time.
    "spark.dynamicAllocation.enabled": "false",
}


@dataclass(frozen=True)
class Job:
    """A run to be submitted.

    Attributes
    ----------
    name : str
    config : str
        Where the configuration lies for the job, such as ``s3://bucket/sparring/conf/mine.yaml``.
    shipped : str
        Folder of what Sparring ships: job, archive of the environment, configurations.
    output : str
        Folder of the run, which all nodes see.
    executors, cores, heap_gib : int
        How many, and how large each is.
    """

    name: str
    config: str
    shipped: str
    output: str
    executors: int
    cores: int = CORES
    heap_gib: int = HEAP_GIB

    @classmethod
    def of(cls, config: RunConfig, path: str, shipped: str, output: str, table_bytes: int | None) -> Job:
        """Return the job of a configuration.

        Parameters
        ----------
        config : RunConfig
        path : str
            Its file here; it is to be shipped under ``conf/``.
        shipped, output : str
            Folders on storage that all nodes see.
        table_bytes : int or None
            Of the table's files, None where they are not known here.

        Raises
        ------
        ConfigError
            If the table or a folder is on this machine's disk, which no node would see.
        """
        for owner, place in (("--shipped", shipped), ("--output", output), ("table.path", config.table.path or "")):
            if place and storage.is_local(place):
                raise ConfigError(
                    f"{owner} {storage.plain(place)!r} is on this machine's disk, which the job's machines do not see",
                    "Give a path that they see, such as s3://bucket/folder.",
                )
        name = PurePosixPath(path).name
        name = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
        shipped, output = shipped.rstrip("/"), output.rstrip("/")
        return cls(config.name, f"{shipped}/{CONFIGS}/{name}", shipped, output, executors_for(table_bytes))

    @property
    def script(self) -> str:
        """Where the job's Python file lies."""
        return f"{self.shipped}/{JOB}"

    @property
    def archive(self) -> str:
        """Where the environment lies, packed."""
        return f"{self.shipped}/{ARCHIVE}"

    @property
    def arguments(self) -> list[str]:
        """What the job is given: its configuration lies beside it, wherever it runs."""
        return [self.config.rpartition("/")[2], "--output", self.output]

    @property
    def settings(self) -> dict[str, str]:
        """Spark's settings: executors, and those of :data:`SPARK_SETTINGS`."""
        return {
            "spark.executor.instances": str(self.executors),
            "spark.executor.cores": str(self.cores),
            "spark.executor.memory": f"{self.heap_gib}g",
            "spark.driver.cores": str(self.cores),
            "spark.driver.memory": f"{self.heap_gib}g",
            **SPARK_SETTINGS,
        }


def executors_for(table_bytes: int | None) -> int:
    """Return how many executors a table of this size calls for, as a beginning: what is kept of it fits their memory.

    Examples
    --------
    >>> executors_for(10 << 30), executors_for(None), executors_for(10 << 40)
    (5, 2, 100)
    """
    wanted = -(-GROWTH * (table_bytes or 0) // (HEAP_GIB * GIB))
    return min(max(wanted, LEAST_EXECUTORS), MOST_EXECUTORS)


def option_words(settings: dict[str, str]) -> list[str]:
    """Return settings as ``spark-submit`` takes them.

    Examples
    --------
    >>> option_words({"spark.executor.cores": "4"})
    ['--conf', 'spark.executor.cores=4']
    """
    return [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
