"""Nodes die while a run works on a standalone cluster: every stage, by every kind of victim, once and twice.

A cell begins where the stage before ended, kills its victim while the stage works, and compares what the stage left
with what it leaves undisturbed.  A job that ends with an error must end in a sentence, and go on when it is submitted
again.  A worker that was killed is replaced before another one goes: a cluster without workers waits.

::

    uv run python benchmarks/cluster_kill.py [--only STAGE ...] [--page]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import yaml
from pages import save, table

from sparring.spark.standalone import StandaloneCluster

JOB = Path(__file__).with_name("cluster_stage.py")
ROWS, PATIENTS, COPIES = 20_000, 4_000, 500
STAGES = ("ingest", "deduplicate", "deduplicate near", "split", "audit", "prepare", "naive", "train mllib")
VICTIMS = ("one executor", "all executors", "a worker", "the driver")
TIMES = ("once", "twice")
HEAP, PATIENCE = "800m", 240.0
# Into a stage, and after a first loss, when what was lost is being made up for.
INTO, AGAIN = 1.5, 3.0


def write_table(folder: Path) -> None:
    """Write a table with groups, copies across groups, and names that are nearly the same."""
    rng = np.random.default_rng(5)
    rows = pd.DataFrame({"id": np.arange(ROWS), "patient": rng.integers(0, PATIENTS, ROWS), "x": rng.normal(size=ROWS)})
    rows["city"] = rng.choice(["Oslo", "Rome", "Lima", "Bonn"], ROWS)
    rows["name"] = [f"{word:x} {word * 7:x} {word * 13:x} street" for word in rng.integers(1 << 30, 1 << 40, ROWS)]
    rows["y"] = np.where(rows.x + rng.normal(size=ROWS) > 0, "yes", "no")
    copies = rows.sample(COPIES, random_state=1).assign(id=np.arange(ROWS, ROWS + COPIES))
    copies["patient"] = (copies.patient + 1) % PATIENTS
    copies["name"] = copies.name + "s"
    pd.concat([rows, copies]).to_parquet(folder / "table.parquet")


def write_config(folder: Path, near: bool) -> Path:
    """Write a run's configuration."""
    features = {"numeric": ["x"], "categorical": ["city"]}
    mllib = {"name": "mllib", "engine": "spark", "family": "logistic_regression"}
    config: dict[str, Any] = {
        "name": "kill",
        "table": {"path": "table.parquet", "label": "y", "key": ["id"], "group": ["patient"], "features": features},
        "deduplicate": {"columns": ["x", "y"], "enabled": False},
        "contenders": [mllib],
        "leakage": {"enabled": True, "contender": "mllib"},
    }
    if near:
        config["deduplicate"] = {"near": {"text": ["name"], "threshold": 0.8}}
    path = folder / f"{'near' if near else 'exact'}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


class Job:
    """A submitted job whose lines are read as they come."""

    def __init__(self, cluster: StandaloneCluster, config: Path, folder: Path, stage: str) -> None:
        conf = {"spark.executor.memory": HEAP, "spark.driver.memory": HEAP}
        command = [str(JOB), str(config), str(folder), stage.removesuffix(" near")]
        self.process = cluster.submit(command, conf, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines += iter(self.process.stdout.readline, "")

    def wait_for(self, beginning: str) -> bool:
        """Wait until a line begins so; return whether one did before the job ended."""
        end = time.monotonic() + PATIENCE
        while not any(line.startswith(beginning) for line in self.lines):
            if self.process.poll() is not None or time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def end(self) -> int:
        """Return its exit code once it has ended, and all that it started."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    @property
    def clean(self) -> bool:
        """Whether it told a failure in a sentence."""
        text = "".join(self.lines)
        return "\nerror:" in f"\n{text}" and "Traceback" not in text.partition("\nerror:")[0][-2_000:]


def kill(cluster: StandaloneCluster, job: Job, victim: str, number: int) -> bool:
    """Kill a victim; return whether there was one."""
    if job.process.poll() is not None:
        return False
    if victim == "the driver":
        tree = psutil.Process(job.process.pid).children(recursive=True)
        for process in [*tree, job.process]:
            with suppress(psutil.Error, ProcessLookupError):
                process.kill()
        return True
    if victim == "a worker":
        if number:
            cluster.replace_worker(0)
        cluster.kill_worker(number % 2)
        return True
    executors = cluster.executors()
    for executor in executors if victim == "all executors" else executors[:1]:
        with suppress(psutil.Error):
            executor.kill()
    return bool(executors)


def digest_of(folder: Path, stage: str) -> str:
    """Return a digest of what a stage left, whatever its files and the order of rows."""
    name = stage.removesuffix(" near")
    if name == "audit":
        report = json.loads((folder / "manifest.json").read_text())["stages"]["audit"]["report"]
        checks = [{k: v for k, v in check.items() if k != "seconds"} for check in report["checks"]]
        return hashlib.sha256(json.dumps([report["findings"], checks], sort_keys=True).encode()).hexdigest()
    places = {"prepare": "prepare/matrix", "naive": "naive/matrix", "train mllib": "train/mllib/predictions"}
    rows = pd.read_parquet(folder / places.get(name, name))
    if name == "train mllib":
        rows = rows.round(9)
    text = rows.map(str).sort_values(list(rows.columns)).to_csv(index=False)
    return hashlib.sha256(text.encode()).hexdigest()


def leftovers(folder: Path) -> list[str]:
    """Return what must not be there once a job has ended."""
    found = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.name in ("_temporary", "lock.json")]
    return found + (["checkpoint"] if (folder / "checkpoint").exists() else [])


def cell(
    cluster: StandaloneCluster, work: Path, before: Path, stage: str, victim: str, times: str, wanted: str
) -> dict[str, Any]:
    """Run a stage, kill its victim, and return what became of it."""
    config = work / ("near.yaml" if stage.endswith("near") else "exact.yaml")
    folder = work / "cell"
    shutil.rmtree(folder, ignore_errors=True)
    if before.exists():
        shutil.copytree(before, folder)
    start, killed, resumed = time.monotonic(), 0, 0
    job = Job(cluster, config, folder, stage)
    for number in range(1 if times == "once" else 2):
        if not job.wait_for(stage.removesuffix(" near").removeprefix("train ")):
            break
        time.sleep(AGAIN if number and victim != "the driver" else INTO)
        killed += kill(cluster, job, victim, number)
        if victim == "the driver" and number == 0 and times == "twice":
            job.end()
            resumed, job = resumed + 1, Job(cluster, config, folder, stage)
    code, clean = job.end(), True
    if code:
        clean = job.clean or victim == "the driver"
        resumed, job = resumed + 1, Job(cluster, config, folder, stage)
        code = job.end()
    for number in range(2):
        if cluster.workers[number].poll() is not None:
            cluster.replace_worker(number)
    right = code == 0 and digest_of(folder, stage) == wanted
    left = leftovers(folder) if code == 0 else ["the job failed"]
    return {
        "stage": stage,
        "victim": victim,
        "times": times,
        "killed": killed,
        "resumed": resumed,
        "right": right,
        "clean": clean,
        "left": left,
        "seconds": round(time.monotonic() - start, 1),
    }


def undisturbed(cluster: StandaloneCluster, work: Path) -> tuple[dict[str, str], dict[str, Path]]:
    """Return what each stage leaves, and the folder in which all before it is done."""
    wanted, before = {}, {}
    for near in (False, True):
        folder, config = work / f"whole-{near}", write_config(work, near)
        for stage in STAGES:
            if stage == "deduplicate near" or (near and stage not in ("ingest", "deduplicate")):
                continue
            name = f"{stage} near" if near and stage == "deduplicate" else stage
            if not (near and stage == "ingest"):
                before[name] = work / "before" / name.replace(" ", "-")
                if folder.exists():
                    shutil.copytree(folder, before[name])
            job = Job(cluster, config, folder, stage)
            if job.end():
                raise SystemExit("".join(job.lines)[-3_000:])
            if near and stage == "ingest":
                continue
            wanted[name] = digest_of(folder, name)
            print(f"{name}: undisturbed", flush=True)
    return wanted, before


def main() -> None:
    """Run the cells that are asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="STAGE")
    options = parser.parse_args()
    cells = []
    with tempfile.TemporaryDirectory(prefix="sparring-kill-") as made:
        work = Path(made)
        write_table(work)
        with StandaloneCluster(2, 1, "1g", work / "cluster") as cluster:
            wanted, before = undisturbed(cluster, work)
            for stage in options.only or STAGES:
                for victim in VICTIMS:
                    for times in TIMES:
                        found = cell(cluster, work, before[stage], stage, victim, times, wanted[stage])
                        cells.append(found)
                        print(json.dumps(found), flush=True)
    save("cluster_kill", {"rows": ROWS + COPIES, "cells": cells}, page(cells))


def page(cells: list[dict[str, Any]]) -> str:
    """Return the page."""
    good = sum(cell["right"] and cell["clean"] and not cell["left"] for cell in cells)
    lines = [
        [
            cell["stage"],
            cell["victim"],
            cell["times"],
            str(cell["killed"]),
            "right" if cell["right"] else "WRONG",
            "yes" if cell["resumed"] else "",
            ", ".join(cell["left"]) or "nothing",
            f"{cell['seconds']:.0f}",
        ]
        for cell in cells
    ]
    head = ["Stage", "Killed", "Times", "Found alive", "Rows", "Submitted again", "Left behind", "Seconds"]
    return f"""# Nodes that die

`uv run python benchmarks/cluster_kill.py`: a standalone cluster of a master and two workers, each with a core, on one
machine; {ROWS + COPIES:,} rows with groups and copies.  Each cell kills its victim while a stage works, 1.5 s into it
and, where twice, again 3 s later; then what the stage left is compared with what it leaves undisturbed.  "Found alive"
is how often there was something to kill: a stage may have ended before the second time.  "Submitted again": the job
had ended with an error, told in a sentence, or its driver had been killed; the same command went on.
Other work ran beside, so that the seconds tell no more than that nothing hung.

**{good} of {len(cells)} cells are right** and leave nothing behind: no temporary file, checkpoint or lock.

{table(head, lines)}
"""


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
