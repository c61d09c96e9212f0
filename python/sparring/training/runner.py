"""A contender's process: ``python -m sparring.training.runner TASK.json [MONOTONIC_SECONDS [SOCKET]]``.

The second argument is when the parent began to start it, by the machine's monotonic clock; the third one a socket
on which the parent is told that the work is done, so that it measures none of our checks.

It writes ``outcome.json`` into the spec's folder, also when it fails: a failure is a result.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from sparring.config.extensions import load_extensions
from sparring.container.xgboost_import import import_xgboost_without_sklearn
from sparring.data.matrix import PreparedMatrix
from sparring.errors import SparringError
from sparring.io import storage
from sparring.training.phases import Phases
from sparring.training.registry import trainer_class
from sparring.training.spec import Outcome, TrainingSpec

GRACE_SECONDS = 60


def train(
    spec: TrainingSpec, phases: Phases | None = None, work_done: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Train, score and verify as ``spec`` says and return what came of it; only an interrupt is raised.

    Parameters
    ----------
    spec : TrainingSpec
    phases : Phases, optional
        Phases timed so far, such as the start of the process.
    work_done : callable, optional
        Called when the engine has done its work and only our checks follow: what is measured ends there.

    Returns
    -------
    dict
        ``status`` (ok or failed), ``error`` (type and message, or None), ``phases``, ``unmeasured`` (the seconds of
        our checks, in no other figure) and the fields of :class:`~sparring.training.spec.Outcome`.
    """
    phases, unmeasured, outcome, error = phases or Phases(), Phases(), Outcome(), None
    try:
        with phases("import"):
            kind = trainer_class(spec.engine, spec.library, spec.family)
        trainer = kind(spec.hyperparameters, spec.owner)
        outcome, rows_read = trainer.fit(spec, phases)
        work_done()
        with unmeasured("verify"):
            outcome.fingerprints = PreparedMatrix(spec.matrix).require(rows_read())
    except Exception as failure:
        traceback.print_exc()
        error = {"type": type(failure).__name__, "message": _message(failure)}
        storage.delete(spec.predictions)
        storage.delete(spec.model)
    return {
        "status": "failed" if error else "ok",
        "error": error,
        "phases": phases.seconds,
        "unmeasured": unmeasured.seconds,
        **asdict(outcome),
    }


def _message(failure: Exception) -> str:
    return str(failure) if isinstance(failure, SparringError) else f"{type(failure).__name__}: {failure}"[:2_000]


def _tell(parent: socket.socket) -> None:
    """Tell the parent that the work is done, and wait until it has stopped to measure."""
    with parent:
        parent.sendall(b".")
        parent.recv(1)


def main(argv: list[str]) -> int:
    """Run the spec in the file named by the first argument, see the module; return the exit code."""
    _end_with_parent()
    # Whoever asks this process to end wants its resources deleted, as after an interrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    phases = Phases()
    # The kernel's record of a process's start is in another clock, off by seconds on a machine that was suspended.
    phases.add("start", time.monotonic() - float(argv[1]) if len(argv) > 1 else 0.0)
    spec = TrainingSpec.from_json(storage.read_text(argv[0]))
    with phases("import"):
        load_extensions()
        if trainer_class(spec.engine, spec.library, spec.family).lean:
            import_xgboost_without_sklearn()
    answer = train(spec, phases, _work_done(argv))
    storage.write_json(storage.join(spec.folder, "outcome.json"), answer)
    return 0 if answer["status"] == "ok" else 1


def _work_done(argv: list[str]) -> Callable[[], None]:
    """Return how to tell the parent, if it listens, that the work is done."""
    if len(argv) < 3:
        return lambda: None
    parent = socket.socket(fileno=int(argv[2]))
    # Whatever this process starts must not keep the connection open.
    parent.set_inheritable(False)
    return partial(_tell, parent)


def _end_with_parent() -> None:
    """End this process group when standard input closes: the parent holds its other end open while it lives.

    First as an interrupt does, so that what was created on SageMaker is deleted; then for good.
    """

    def watch() -> None:
        # Not sys.stdin: its lock, held by this thread, would abort the interpreter's normal end.
        while os.read(0, 65_536):
            pass
        os.kill(os.getpid(), signal.SIGINT)
        finished.wait(GRACE_SECONDS)
        os.killpg(os.getpgid(0), signal.SIGKILL)

    finished = threading.Event()
    atexit.register(finished.set)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
