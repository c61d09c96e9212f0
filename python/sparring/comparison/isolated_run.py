"""Running contenders one at a time and measuring each: in a fresh process, or inside this Spark session."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from sparring.comparison.executors import ClusterUsage, ExecutorMeter
from sparring.comparison.resources import ProcessTreeMeter
from sparring.io import storage
from sparring.spark.cluster import is_local_master
from sparring.spark.session import GATEWAY_VARIABLES, active_session, driver_jvm, on_databricks
from sparring.training.registry import trainer_class
from sparring.training.runner import train
from sparring.training.spec import TrainingSpec

GRACE_SECONDS = 30
WAIT_SECONDS = 1.0


def choose_isolation(configured: str, master: str) -> str:
    """Return ``process`` or ``session`` for a configured isolation.

    Parameters
    ----------
    configured : {"auto", "process", "session"}
    master : str
        Spark's master of this session.  A fresh local Spark would leave a cluster's executors unused, so ``auto``
        means ``session`` unless Spark is local.

    Examples
    --------
    >>> choose_isolation("auto", "local[2]"), choose_isolation("auto", "yarn")
    ('process', 'session')
    """
    if configured != "auto":
        return configured
    return "process" if master.startswith("local") and not on_databricks() else "session"


def run_contender(spec: TrainingSpec, isolation: str, conditions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Run one contender and return its ``result.json``, written into its folder.

    Parameters
    ----------
    spec : TrainingSpec
    isolation : {"process", "session"}
        ``process``: a fresh Python (and JVM, if it needs Spark) that ends with the contender; ``session``: this
        process and its Spark session.
    conditions : mapping, optional
        What times depend on besides, for the record.

    Returns
    -------
    dict
        The outcome with ``wall_seconds``, ``cpu_seconds`` and ``peak_memory_bytes`` of the process tree, from its
        start until its scores are written; on a cluster those of the executors are added, unless they are unknown,
        and ``cluster`` tells what Spark recorded.  Our checks of what it read come later, see ``unmeasured``.
    """
    storage.delete(spec.folder)
    storage.make_folder(spec.folder)
    run: Callable[[TrainingSpec], dict[str, Any]] = _in_process if isolation == "process" else _in_session
    trainer = trainer_class(spec.engine, spec.library, spec.family)(spec.hyperparameters, spec.owner)
    outcome = run(spec)
    equivalence = trainer.equivalence(spec)
    result = {
        "name": spec.name,
        "title": trainer.title,
        "path": trainer.path,
        "engine": trainer.engine,
        "library": trainer.library,
        "family": trainer.family,
        "task": spec.task,
        "cores": spec.cores,
        "seed": spec.seed,
        "isolation": isolation,
        "conditions": dict(conditions or {}),
        **{key: value for key, value in outcome.items() if key != "fingerprints"},
        "capacity": outcome["capacity"] or trainer.capacity(),
        "equivalence": equivalence.to_dict() if equivalence is not None else None,
        "matrix": {"fingerprints": outcome["fingerprints"]},
    }
    storage.write_json(storage.join(spec.folder, "result.json"), result)
    return result


def _in_session(spec: TrainingSpec) -> dict[str, Any]:
    """Train here; the JVM is a contender's that uses Spark, wherever it is in the tree of processes."""
    spark = active_session()
    uses_spark, jvm = spec.engine != "single_node", driver_jvm(spark)
    executors = None
    if spark is not None and uses_spark and not is_local_master(str(spark.sparkContext.master)):
        executors = ExecutorMeter(spark)
    meter = ProcessTreeMeter(also=jvm) if uses_spark else ProcessTreeMeter(without=jvm)
    with ExitStack() as measured:
        # The last to begin ends first: executors are read outside of the time that is measured.
        measured.enter_context(executors or nullcontext())
        measured.enter_context(meter)
        outcome = train(spec, work_done=measured.close)
    found = {**outcome, **meter.usage.to_dict()}
    return found if executors is None else _with_executors(found, executors.usage)


def _with_executors(found: dict[str, Any], executors: ClusterUsage) -> dict[str, Any]:
    """Return what the driver used and what the executors did, together; unknown where the latter is."""
    notes = list(found["notes"])
    if executors.disturbed:
        notes.append(
            f"{executors.failed_tasks} tasks failed and were tried again, {executors.lost_executors} executors were "
            "lost: its time is longer than it would be, and not compared"
        )
    if executors.cpu_seconds is None or executors.peak_memory_bytes is None:
        notes.append("what the executors used could not be read: CPU time and memory are unknown")
        used: dict[str, Any] = {"cpu_seconds": None, "peak_memory_bytes": None}
    else:
        used = {
            "cpu_seconds": found["cpu_seconds"] + executors.cpu_seconds,
            "peak_memory_bytes": found["peak_memory_bytes"] + executors.peak_memory_bytes,
        }
    return {**found, **used, "notes": notes, "cluster": executors.to_dict()}


def _in_process(spec: TrainingSpec) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="sparring-") as scratch:
        task_file, log_file = Path(scratch, "task.json"), Path(scratch, "log.txt")
        task_file.write_text(spec.to_json())
        with log_file.open("wb") as log:
            usage, code = _measured(task_file, log, spec.cores)
        log_text = log_file.read_text(errors="replace")
    storage.write_text(storage.join(spec.folder, "log.txt"), log_text)
    return {**_outcome(spec, code, log_text), **usage}


def _measured(task_file: Path, log: Any, cores: int) -> tuple[dict[str, Any], int]:
    """Run the spec's process to its end, and measure it until it has done its work; what follows are our checks.

    Whatever interrupts us ends the process and all it started.
    """
    started = time.monotonic()
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            child = _start(task_file, started, theirs, log, cores)
        try:
            with ProcessTreeMeter(child.pid) as meter:
                _wait_for_work(child, ours)
                wall = time.monotonic() - started
            # It waits for this: until now it could be measured.
            ours.close()
            code = child.wait()
        except BaseException:
            _end(child)
            raise
        finally:
            assert child.stdin is not None
            child.stdin.close()
    return {**meter.usage.to_dict(), "wall_seconds": wall}, code


def _start(task_file: Path, started: float, theirs: socket.socket, log: Any, cores: int) -> subprocess.Popen[bytes]:
    number = theirs.fileno()
    return subprocess.Popen(
        [sys.executable, "-m", "sparring.training.runner", str(task_file), str(started), str(number)],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=_environment(cores),
        start_new_session=True,
        pass_fds=[number],
    )


def _wait_for_work(child: subprocess.Popen[bytes], ours: socket.socket) -> None:
    """Wait until ``child`` says that its work is done, or ends."""
    while not select.select([ours], [], [], WAIT_SECONDS)[0]:
        # A process that it left behind may hold the other end.
        if child.poll() is not None:
            return
    # To close a socket with something unread in it would break the other end.
    ours.recv(1)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the process group to end, so that it deletes what it created elsewhere, then make it."""
    for request in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(child.pid, request)
            child.wait(GRACE_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _environment(cores: int) -> dict[str, str]:
    """Return this process's environment with thread caps and without spark-submit's gateway."""
    kept = {name: value for name, value in os.environ.items() if name not in GATEWAY_VARIABLES}
    caps = {name: str(cores) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**kept, **caps}


def _outcome(spec: TrainingSpec, code: int, log_text: str) -> dict[str, Any]:
    """Return what the process wrote, or what its silent death means: a crash is a result."""
    path = storage.join(spec.folder, "outcome.json")
    if storage.exists(path):
        outcome: dict[str, Any] = storage.read_json(path)
        storage.delete(path)
        return outcome
    tail = log_text.strip().splitlines()[-1:] or ["it printed nothing"]
    killed = f"was killed by signal {-code} (9 is what the kernel sends when memory runs out)"
    how = killed if code < 0 else f"ended with code {code}"
    message = f"{spec.name}'s process {how}. Last line of its log: {tail[0][:300]}"
    empty = {
        "phases": {},
        "unmeasured": {},
        "fingerprints": {},
        "hyperparameters": {},
        "capacity": {},
        "emulated": False,
        "notes": [],
        "versions": {},
    }
    return {"status": "failed", "error": {"type": "Crash", "message": message}, **empty}
