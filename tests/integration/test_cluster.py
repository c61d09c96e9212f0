"""A run on a standalone cluster: a master and two workers that are processes of their own, and executors that die."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from sparring.config import load_config
from sparring.run.context import RunContext
from sparring.run.pipeline import DATA_STAGES
from sparring.run.progress import Progress
from sparring.spark.standalone import StandaloneCluster

JOB = Path(__file__).parents[2] / "python" / "sparring" / "jobs" / "compare.py"
METER = Path(__file__).with_name("cluster_meter.py")
HEAP = "600m"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandaloneCluster]:
    with StandaloneCluster(2, 1, "1g", tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with groups, and copies across them, so that units are components of a graph."""
    folder, rng = tmp_path_factory.mktemp("table"), np.random.default_rng(3)
    rows = pd.DataFrame({"id": np.arange(1_500), "patient": rng.integers(0, 300, 1_500), "x": rng.normal(size=1_500)})
    rows["y"] = np.where(rows.x + rng.normal(size=1_500) > 0, "yes", "no")
    copies = rows.sample(60, random_state=1).assign(id=np.arange(1_500, 1_560))
    pd.concat([rows, copies.assign(patient=copies.patient + 1)]).to_parquet(folder / "table.parquet")
    contenders = [
        {"name": "mllib", "engine": "spark", "family": "logistic_regression"},
        {"name": "sklearn", "engine": "single_node", "family": "logistic_regression"},
    ]
    features = {"numeric": ["x"]}
    table = {"path": "table.parquet", "label": "y", "key": ["id"], "group": ["patient"], "features": features}
    deduplicate = {"columns": ["x", "y"], "enabled": False}
    text = {"name": "c", "table": table, "deduplicate": deduplicate, "contenders": contenders}
    (folder / "run.yaml").write_text(yaml.safe_dump(text))
    return folder / "run.yaml"


class Submitted:
    """A job on the cluster, whose lines are read as they come."""

    def __init__(self, cluster: StandaloneCluster, command: list[str], **conf: str) -> None:
        settings = {"spark.executor.memory": HEAP, "spark.driver.memory": HEAP, **conf}
        self.process = cluster.submit(command, settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines += iter(self.process.stdout.readline, "")

    def ended(self) -> str:
        code = self.process.wait(400)
        self._reader.join()
        text = "".join(self.lines)
        assert code == 0, text[-4_000:]
        return text


def whole_run(cluster: StandaloneCluster, config: Path, folder: Path, **conf: str) -> Submitted:
    command = [str(JOB), str(config), "--output", str(folder), "--set", "resources.shared_disk=true"]
    return Submitted(cluster, command, **conf)


def assigned(folder: Path) -> dict[int, str]:
    rows = pd.read_parquet(folder / "split")
    return dict(zip(rows.id, rows.sparring__split, strict=True))


def kept(text: str) -> set[str]:
    return {line.split()[1] for line in text.splitlines() if "kept from the run before" in line}


def results(folder: Path) -> dict[str, dict[str, Any]]:
    return {name: json.loads((folder / "train" / name / "result.json").read_text()) for name in ("mllib", "sklearn")}


@pytest.fixture(scope="module")
def run(cluster: StandaloneCluster, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run during whose split, components and all, an executor was killed."""
    folder = tmp_path_factory.mktemp("run") / "out"
    job = whole_run(cluster, config, folder)
    deadline = time.monotonic() + 200
    while not any(line.startswith("split") for line in job.lines) and time.monotonic() < deadline:
        assert job.process.poll() is None, "".join(job.lines)[-3_000:]
        time.sleep(0.05)
    # Into the middle of it: what was kept on the way is on this executor.
    time.sleep(2)
    cluster.executors()[0].kill()
    text = job.ended()
    assert "Traceback" not in text
    return folder


def test_a_lost_executor_changes_no_row(run: Path, config: Path, spark: SparkSession, tmp_path: Path) -> None:
    local = RunContext(load_config(str(config)), str(tmp_path / "local"), Progress(quiet=True))
    for stage in DATA_STAGES:
        if stage.is_wanted(local) and stage.name != "audit":
            stage.do(local)
    assert assigned(run) == assigned(tmp_path / "local")
    prints = [json.loads((one / "prepare" / "encoding.json").read_text()) for one in (run, tmp_path / "local")]
    assert prints[0] == prints[1]
    stages = json.loads((run / "manifest.json").read_text())["stages"]
    assert stages["ingest"]["report"]["input"] == 1_560
    assert not (run / "checkpoint").exists()


def test_contenders_are_measured_where_they_ran(run: Path) -> None:
    found = results(run)
    mllib, sklearn = found["mllib"], found["sklearn"]
    assert mllib["cluster"]["executors"] == 2
    assert mllib["cluster"]["cores"] == mllib["cores"] == 2
    assert (mllib["cluster"]["failed_tasks"], mllib["cluster"]["lost_executors"]) == (0, 0)
    # Two executors' processes, and the driver's JVM, beside which one machine's contender has a process.
    assert mllib["cluster"]["cpu_seconds"] > 1
    assert mllib["cpu_seconds"] > mllib["cluster"]["cpu_seconds"]
    assert mllib["peak_memory_bytes"] > 2 * sklearn["peak_memory_bytes"] > 0
    assert sklearn.get("cluster") is None
    checks = json.loads((run / "report.json").read_text())["fairness_checks"]
    (undisturbed,) = [check for check in checks if check["control"] == "undisturbed"]
    assert undisturbed["held"]
    assert "2 executors with 2 cores" in undisturbed["detail"]


def test_a_resumed_run_stays_on_the_cluster_and_another_cluster_measures_anew(
    run: Path, cluster: StandaloneCluster, config: Path
) -> None:
    before = results(run)
    again = kept(whole_run(cluster, config, run).ended())
    assert again >= {"ingest", "deduplicate", "split", "prepare", "mllib", "sklearn"}
    # Contenders of one kind on an executor fewer are other contenders, the rows the same ones.
    smaller = kept(whole_run(cluster, config, run, **{"spark.cores.max": "1"}).ended())
    assert smaller >= {"ingest", "deduplicate", "split", "prepare"}
    assert not smaller & {"mllib", "sklearn"}
    after = results(run)
    assert {one["isolation"] for one in (*before.values(), *after.values())} == {"session"}
    assert after["mllib"]["cluster"]["executors"] == after["mllib"]["cores"] == 1


def test_the_meter_agrees_with_the_kernel_and_checkpoints_outlive_executors(
    cluster: StandaloneCluster, tmp_path: Path
) -> None:
    Submitted(cluster, [str(METER), str(tmp_path / "answer.json"), f"file:{tmp_path}/kept"]).ended()
    found = json.loads((tmp_path / "answer.json").read_text())
    assert found["slots"] == 2
    assert found["cluster"]["master"] == cluster.master
    assert found["measured"]["cpu_seconds"] == pytest.approx(found["truth"], rel=0.05, abs=0.5)
    assert found["checkpointed"]
    assert found["same"], "a copy on the executors alone would be lost, and drawn anew"
    assert (found["left"], found["folder"]) == (False, None)
