"""Where a run works: its configuration, folder, manifest, progress and Spark session."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sparring.config.schema import RunConfig
from sparring.data.source import source_bytes
from sparring.io import storage
from sparring.one_machine.choice import SPARK, Engine, Source, engine_for, one_machine
from sparring.one_machine.memory import ROOM, parse_bytes
from sparring.run.machine import this_machine
from sparring.run.manifest import Manifest
from sparring.run.preflight import check_shared
from sparring.run.progress import Progress
from sparring.spark.checkpoint import checkpoints_in
from sparring.spark.cluster import Cluster, fit_shuffles, is_local_master, task_slots
from sparring.spark.session import (
    SessionSpec,
    active_session,
    available_cores,
    end_jvm,
    get_session,
    s3a_settings,
    stop_session,
    tasks_done,
    under_spark_submit,
)
from sparring.task import Target, Task, task_named

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class RunContext:
    """What the stages of a run work with.

    Parameters
    ----------
    config : RunConfig
    folder : str
        The run's folder.
    progress : Progress, optional

    Attributes
    ----------
    manifest : Manifest
        Read when it is first asked for, so that nothing is made before all checks have passed.
    """

    def __init__(self, config: RunConfig, folder: str, progress: Progress | None = None) -> None:
        self.config = config
        self.folder = storage.normalize(folder)
        self.progress = progress or Progress()
        self.progress.count = self._count
        self._manifest: Manifest | None = None
        self._spark: SparkSession | None = None
        # A session that was there before belongs to somebody else and is left running.
        self.owns_session = active_session() is None and not under_spark_submit()
        self._cluster: Cluster | None = None
        self._engine: Engine | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest in the run's folder."""
        if self._manifest is None:
            self._manifest = Manifest(self.folder)
            self._manifest.config = self.config.model_dump()
        return self._manifest

    def path(self, *parts: str) -> str:
        """Return a path below the run's folder."""
        return storage.join(self.folder, *parts)

    def report(self, stage: str) -> dict[str, Any]:
        """Return what ``stage`` reported."""
        return self.manifest.report(stage)

    @property
    def task(self) -> Task:
        """The kind of problem, known once the table is ingested."""
        return task_named(self.report("ingest")["task"])

    @property
    def target(self) -> Target:
        """What is predicted, known once the table is ingested."""
        return Target.from_dict(self.report("ingest")["target"])

    @property
    def engine(self) -> Engine:
        """What the data half runs on, and why."""
        if self._engine is None:
            self._engine = engine_for(self.config.engine, [Source.of(self.config.table)])
        return self._engine

    # -- Spark ---------------------------------------------------------------------------------------------------

    def session(self) -> SparkSession:
        """Return what reads the data half's tables: the Spark session, or one machine without Spark."""
        if self.engine.name == SPARK:
            return self.spark()
        ROOM.allow(parse_bytes(self.config.resources.memory))
        return one_machine()

    def spark(self) -> SparkSession:
        """Return the Spark session, started when it is first asked for."""
        if self._spark is None:
            resources = self.config.resources
            cores = resources.cores or available_cores()
            settings = s3a_settings([self.config.table.path or "", self.folder])
            self._spark = get_session(SessionSpec("sparring", cores, resources.memory, **settings))
            self._spark.sparkContext.setLogLevel("ERROR")
            if not is_local_master(str(self._spark.sparkContext.master)):
                table = self.config.table
                # The tables that Sparring brings are small.
                fit_shuffles(self._spark, 0 if table.builtin else source_bytes(table))
        return self._spark

    def read(self, stage: str) -> DataFrame:
        """Return the rows that ``stage`` wrote."""
        return self.session().read.parquet(self.path(stage))

    @property
    def cluster(self) -> Cluster:
        """Where Spark runs: asked of the session that was there before, else a local one that need not be started."""
        if self._cluster is None:
            self._cluster = Cluster("local", {}) if self.owns_session else Cluster.of(self.spark())
        return self._cluster

    def conditions(self) -> dict[str, Any]:
        """Return what times depend on besides a contender's own settings: this machine, and the cluster if any.

        A contender that was measured under others is measured anew.
        """
        return {"machine": this_machine(), "spark": None if self.cluster.is_local else self.cluster.to_dict()}

    def cores(self, engine: str) -> int:
        """Return how many cores a contender of ``engine`` has: the user's cap, else all that there are for it."""
        if self.config.resources.cores is None and engine == "spark" and not self.cluster.is_local:
            return task_slots(self.spark())
        return self.config.resources.cores or available_cores()

    def checkpoints(self) -> AbstractContextManager[None]:
        """Keep Spark's results on the way in the run's folder where a node of a cluster may die."""
        if self.cluster.is_local:
            return nullcontext()
        return checkpoints_in(self.spark(), self.path("checkpoint"))

    def check_shared(self) -> None:
        """Refuse a folder that the executors of this cluster, if it is one, do not share."""
        if not self.owns_session:
            check_shared(self.folder, self.cluster.master, self.config.resources.shared_disk)

    def end_spark(self) -> None:
        """After an interrupt: what a job would still write would come after it was deleted."""
        if self._spark is not None and self.owns_session:
            end_jvm()
            self._spark = None

    def release_spark(self) -> None:
        """Stop the session that this run has started."""
        if self._spark is not None and self.owns_session:
            stop_session(self._spark)
        self._spark = None

    def _count(self) -> str:
        """Return how far Spark's jobs are, for :class:`Progress`."""
        return tasks_done(self._spark) if self._spark is not None else ""
