"""One Spark session for the whole test run, and a small table with a configuration for it."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import settings
from pyspark.sql import SparkSession

from sparring.cli import main
from sparring.comparison.isolated_run import run_contender
from sparring.data.fingerprint import fingerprint_of_batches
from sparring.data.matrix import Encoding, PreparedMatrix
from sparring.one_machine.choice import one_machine
from sparring.spark.jars import sagemaker_jars
from sparring.spark.session import SessionSpec, available_cores, get_session, require_java, stop_session
from sparring.task import scores_of, task_named
from sparring.training.spec import TrainingSpec

# A machine that does other work beside is slow, not wrong.
settings.register_profile("sparring", deadline=None)
settings.load_profile("sparring")

# JVMs of tests end before the second compiler pays: the first one alone, and one thread to collect garbage, take 40%
# less CPU.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# Of archives of classes, which Java has since 13; it is not to tell that one does not fit.
ARCHIVE_OPTIONS = f"{JAVA_OPTIONS} -Xlog:cds=off -Xlog:cds+dynamic=off"
# What loads the classes that most sessions need.
LOADS_CLASSES = """
from pyspark.sql import functions as F
from sparring.spark.session import SessionSpec, get_session
spark = get_session(SessionSpec("classes", 1, "1g", [], {"spark.sql.shuffle.partitions": "2"}))
rows = spark.range(100).withColumn("group", F.col("id") % 7).withColumn("text", F.col("id").cast("string"))
rows.write.parquet("rows")
rows = spark.read.parquet("rows").mapInArrow(lambda batches: batches, rows.schema)
rows.join(rows.groupBy("group").count(), "group").orderBy("id").toPandas()
"""

# The fixture that is a session of either engine.
ENGINE = "spark"
# A worker's Python, and the JVM beside it.
WORKER_BYTES = 3 << 30

ROWS = 4_000
# sagemaker-pyspark writes RecordIO with it; Debian's libprotobuf-java.
PROTOBUF_JAR = Path(os.environ.get("SPARRING_PROTOBUF_JAR", "/usr/share/java/protobuf.jar"))
MATRIX_ROWS = {"train": 2_000, "validation": 400, "test": 600}


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return a worker a core, where memory allows; a single file of tests is run in this process."""
    files = {argument.partition("::")[0] for argument in config.args}
    if len(files) == 1 and all(Path(file).is_file() for file in files):
        return 0
    room = psutil.virtual_memory().total // WORKER_BYTES
    return int(max(1, min(available_cores(), room)))


def pytest_configure(config: pytest.Config) -> None:
    """Keep the classes that Spark loads as the JVM's archive: a session then starts in two thirds of the time.

    The archive is made once a checkout, while the first tests run; JVMs that find none, or one that does not fit,
    such as another version's, go without.
    """
    if "JAVA_TOOL_OPTIONS" in os.environ:
        return
    os.environ["JAVA_TOOL_OPTIONS"] = JAVA_OPTIONS
    if require_java().version < 17:
        return
    archive = config.cache.mkdir("classes") / f"spark-{version('pyspark')}.jsa"
    os.environ["JAVA_TOOL_OPTIONS"] = f"{ARCHIVE_OPTIONS} -XX:SharedArchiveFile={archive}"
    if not archive.exists():
        threading.Thread(target=make_archive, args=(archive,), daemon=True).start()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--engine``: what the data half's unit tests run on; with ``spark`` they are all that runs."""
    told = "what the data half's unit tests run on; those of Spark itself always run, unless this is 'spark'"
    parser.addoption("--engine", choices=["one_machine", "spark"], default="one_machine", help=told)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have what takes long come first, and after it the demo, which may still be running beside the tests."""
    if config.getoption("engine") == "spark":
        items[:] = [item for item in items if getattr(item, "callspec", None) and ENGINE in item.callspec.params]
    items.sort(key=lambda item: 2 * ("unit" in item.path.parts) + (item.path.name == "test_demo.py"))


def make_archive(archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        environment = os.environ | {"JAVA_TOOL_OPTIONS": f"{ARCHIVE_OPTIONS} -XX:ArchiveClassesAtExit={folder}/made"}
        command = [sys.executable, "-c", LOADS_CLASSES]
        subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
        Path(folder, "made").replace(archive)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the data half's tests on one engine or the other; those marked ``spark_only`` are of Spark itself."""
    of_data = {"data", "dedup", "model_selection", "feature", "leakage"} & set(metafunc.definition.path.parts)
    if of_data and ENGINE in metafunc.fixturenames and not metafunc.definition.get_closest_marker("spark_only"):
        metafunc.parametrize(ENGINE, [metafunc.config.getoption("engine")], indirect=True, scope="session")


@pytest.fixture(scope="session")
def spark(request: pytest.FixtureRequest) -> SparkSession:
    """A session of Spark, or of one machine where a test runs on both engines."""
    if getattr(request, "param", "spark") == "one_machine":
        return one_machine()
    session: SparkSession = request.getfixturevalue("spark_session")
    return session


@pytest.fixture(scope="session")
def spark_session() -> Iterator[SparkSession]:
    """Local session of two threads and four shuffle partitions, with the jars of the SageMaker hand-off."""
    partitions = {"spark.sql.shuffle.partitions": "4"}
    jars = sagemaker_jars() + ([str(PROTOBUF_JAR)] if PROTOBUF_JAR.exists() else [])
    session = get_session(SessionSpec("tests", 2, "2g", jars, partitions))
    session.sparkContext.setLogLevel("ERROR")
    yield session
    stop_session(session)


@pytest.fixture
def spark_conf(spark: SparkSession) -> Iterator[SparkSession]:
    """The session, whose settings are put back after a test that changes them."""
    names = ("shuffle.partitions", "adaptive.enabled", "autoBroadcastJoinThreshold")
    before = {f"spark.sql.{name}": spark.conf.get(f"spark.sql.{name}") for name in names}
    yield spark
    for key, value in before.items():
        spark.conf.set(key, value)


@pytest.fixture
def sparring(spark_session: SparkSession, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Function that runs the command line in this process; what needs Spark finds the tests' session active.

    The data half chooses its engine as where no session is active: on a small table, one machine.
    """
    monkeypatch.setattr("sparring.one_machine.choice.spark_is_there", lambda: False)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", ["sparring", *arguments])
        before, code = signal.getsignal(signal.SIGTERM), 0
        capfd.readouterr()
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, before)
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def script() -> Callable[[Path], ModuleType]:
    """Function that returns a Python file, which is in no package, as a module."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], Any]], Any]:
    """Function that returns what a condition returns once it is true, and fails after three minutes."""

    def wait(condition: Callable[[], Any]) -> Any:
        deadline, pause = time.monotonic() + 180, threading.Event()
        while not (found := condition()):
            assert time.monotonic() < deadline
            pause.wait(0.05)
        return found

    return wait


def small_table() -> pd.DataFrame:
    """4,000 rows: 20 without a label, 60 copies, 300 groups; the label depends on x, hour and city."""
    rng = np.random.default_rng(7)
    unique = ROWS - 60
    group = rng.integers(0, 300, unique)
    x, hour = rng.normal(size=unique), rng.integers(0, 24, unique)
    city = rng.choice(["Oslo", "Rome", "Wien", "Bern"], unique)
    logit = x + np.sin(2 * np.pi * hour / 24) + (city == "Oslo") + 0.5 * rng.normal(size=300)[group] - 0.8
    label = (rng.random(unique) < 1 / (1 + np.exp(-logit))).astype(float)
    label[rng.choice(unique, 20, replace=False)] = np.nan
    x[rng.choice(unique, 100, replace=False)] = np.nan
    table = pd.DataFrame(
        {"patient": group, "x": x, "hour": hour, "city": city, "sick": label, "z": rng.normal(size=unique)}
    )
    copies = table[table.sick.notna()].sample(60, random_state=1)
    return pd.concat([table, copies]).sample(frac=1, random_state=2).reset_index(drop=True)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configuration file of a quick comparison; its table lies beside it."""
    folder = tmp_path_factory.mktemp("small")
    small_table().to_parquet(folder / "table.parquet")
    config = {
        "name": "small",
        "table": {
            "path": str(folder / "table.parquet"),
            "label": "sick",
            "group": ["patient"],
            "features": {"numeric": ["x", "z"], "cyclic": {"hour": 24}, "categorical": ["city"]},
        },
        "contenders": [
            {
                "name": "sklearn-logistic",
                "engine": "single_node",
                "family": "logistic_regression",
                "hyperparameters": {"regParam": 0.001},
            },
            {
                "name": "xgboost",
                "engine": "single_node",
                "family": "gradient_boosted_trees",
                "hyperparameters": {"num_round": 20},
            },
        ],
        "resources": {"memory": "1g", "cores": 2},
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def matrix_rows(count: int, seed: int, width: int = 20) -> pa.Table:
    """Rows of sparse vectors in no order: absent cells, stored zeros, unequal row lengths, one empty row."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(count, width)).astype(np.float32)
    score = dense[:, 0] + dense[:, 1] * dense[:, 2] + rng.normal(size=count)
    stored = rng.random(dense.shape) < np.linspace(0.1, 0.9, width)
    stored[0] = False
    dense[rng.random(dense.shape) < 0.05] = 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(stored.sum(axis=1))]), pa.int32())
    indices = pa.ListArray.from_arrays(offsets, pa.array(np.nonzero(stored)[1], pa.int32()))
    values = pa.ListArray.from_arrays(offsets, pa.array(dense[stored].astype(float)))
    kinds, sizes = pa.array([0] * count, pa.int8()), pa.array([width] * count, pa.int32())
    return pa.table(
        {
            "key": [f"{key:05d}\N{GRINNING FACE}é{seed}" for key in rng.permutation(count)],
            "label": (score > 0).astype(np.float64),
            "weight": np.ones(count),
            "group": [f"g{number}" for number in rng.integers(0, count // 5, count)],
            "features": pa.StructArray.from_arrays(
                [kinds, sizes, indices, values], ["type", "size", "indices", "values"]
            ),
        }
    )


def write_matrix(folder: Path, parts: dict[str, pa.Table]) -> PreparedMatrix:
    """Write a prepared matrix of 20 features, each part in two files."""
    for name, table in parts.items():
        inner = folder / "matrix" / f"split={name}"
        inner.mkdir(parents=True)
        half = len(table) // 2
        for number, piece in enumerate((table[:half], table[half:])):
            pq.write_table(piece, inner / f"part-{number}.parquet")
    encoding = Encoding(
        size=20,
        storage="sparse",
        names=[f"x{number}" for number in range(20)],
        fingerprints={name: fingerprint_of_batches(table.to_batches()) for name, table in parts.items()},
        rows={name: len(table) for name, table in parts.items()},
    )
    (folder / "encoding.json").write_text(json.dumps(asdict(encoding)))
    return PreparedMatrix(str(folder))


@pytest.fixture(scope="session")
def sparse_matrix(tmp_path_factory: pytest.TempPathFactory) -> PreparedMatrix:
    """A small prepared matrix on disk."""
    parts = {name: matrix_rows(count, seed) for seed, (name, count) in enumerate(MATRIX_ROWS.items())}
    return write_matrix(tmp_path_factory.mktemp("matrix"), parts)


TARGETS = {
    "binary": {"type": "string", "classes": ["no", "yes"]},
    "multiclass": {"type": "string", "classes": ["high", "low", "mid"]},
    "regression": {"type": "double", "classes": []},
    # A regression of whole numbers above 0.
    "counts": {"type": "double", "classes": []},
}


def labelled(rows: pa.Table, task: str) -> pa.Table:
    """The rows with labels of a task, which depend on the last features that a row has."""
    values = rows["features"].combine_chunks().field("values").to_pylist()
    score = np.array([sum(row[-3:]) for row in values]) + np.random.default_rng(len(rows)).normal(size=len(rows)) / 2
    cuts = {"binary": [0.6], "multiclass": [0.3, 0.6]}
    if task == "counts":
        labels = np.floor(2 * np.exp(score / score.std() / 2)) + 1
    else:
        quantiles = np.quantile(score, cuts.get(task, []))
        labels = 10 * score if task == "regression" else np.digitize(score, quantiles).astype(float)
    return rows.set_column(rows.schema.get_field_index("label"), "label", pa.array(labels))


@pytest.fixture(scope="session")
def matrices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PreparedMatrix]:
    """Task -> a matrix of 600 train, 150 validation and 250 test rows."""
    sizes = {"train": 600, "validation": 150, "test": 250}
    return {
        task: write_matrix(
            tmp_path_factory.mktemp(task),
            {part: labelled(matrix_rows(rows, seed), task) for seed, (part, rows) in enumerate(sizes.items())},
        )
        for task in TARGETS
    }


@pytest.fixture
def trained(matrices: dict[str, PreparedMatrix], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Train a contender in this process; its result with ``scores`` of the test rows by key, ``labels``, ``spec``."""

    def run(task: str, engine: str, family: str, library: str = "", cores: int = 2, **hyperparameters: Any) -> dict:
        name = f"{engine.replace('_', '-')}-{len(list(tmp_path.iterdir()))}"
        kind = "regression" if task == "counts" else task
        spec = TrainingSpec(
            name=name,
            engine=engine,
            family=family,
            hyperparameters=hyperparameters,
            matrix=matrices[task].folder,
            folder=str(tmp_path / name),
            cores=cores,
            memory="1g",
            seed=3,
            library=library,
            task=kind,
            target=TARGETS[task],
        )
        result = run_contender(spec, "session")
        assert result["status"] == "ok", result["error"]
        rows = pd.read_parquet(spec.predictions).sort_values("key")
        rows = rows[rows.split == "test"]
        column = task_named(kind).score_column()
        scores = scores_of({column: rows[column].to_numpy()})
        return {**result, "scores": scores, "labels": rows.label.to_numpy(), "spec": spec}

    return run
