"""One process at a time works in a run's folder, and what a dead one left stands in nobody's way."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from sparring.errors import FolderInUseError
from sparring.io import storage
from sparring.run import lock as run_lock
from sparring.run.lock import NAME, locked

ELSEWHERE = {"token": "t", "host": "node7", "machine": "another", "pid": 1, "process_started": 0.0, "since": "2026"}


def leave(folder: Path, **holder: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_text(json.dumps({**ELSEWHERE, **holder}))


def here(pid: int, started: float) -> dict[str, Any]:
    return {"machine": run_lock._machine(), "pid": pid, "process_started": started, "beat": 0.0}


def test_who_holds_the_folder_is_said_and_the_end_frees_it(tmp_path: Path) -> None:
    with locked(str(tmp_path / "run")):
        with pytest.raises(FolderInUseError) as error, locked(str(tmp_path / "run")):
            pass
        for word in (str(os.getpid()), "since 20", str(tmp_path / "run"), "--output"):
            assert word in str(error.value)
    assert not (tmp_path / "run" / NAME).exists()
    with locked(str(tmp_path / "run")):
        pass


@pytest.mark.parametrize(
    ("holder", "stale"),
    [
        ({"beat": 0.0}, False),
        ({"beat": -600.0}, True),
        ({}, True),
        (here(os.getpid(), psutil.Process().create_time()), False),
        (here(os.getpid(), 1.0), True),
        (here(2**22 + 1, 1.0), True),
    ],
    ids=["alive elsewhere", "silent elsewhere", "no beat", "alive here", "number used again", "no such process"],
)
def test_a_left_over_lock_is_recognised(tmp_path: Path, holder: dict[str, Any], stale: bool) -> None:
    # Seconds from now, which is when the test runs, not when it was collected.
    leave(tmp_path, **(holder | {"beat": time.time() + holder["beat"]} if "beat" in holder else holder))
    if stale:
        with locked(str(tmp_path)):
            assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    else:
        with pytest.raises(FolderInUseError), locked(str(tmp_path)):
            pass
    assert not list(tmp_path.glob(f"{NAME}.*"))


def test_a_process_that_was_killed_leaves_no_lasting_lock(tmp_path: Path) -> None:
    program = (
        f"import time; from sparring.run.lock import locked\nwith locked({str(tmp_path)!r}):\n print(1, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", f"{program} time.sleep(60)"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(FolderInUseError, match=f"process {holder.pid}"), locked(str(tmp_path)):
            pass
        holder.kill()
    with locked(str(tmp_path)):
        pass


def _try(folder: str, begin: Any, won: Any) -> None:
    begin.wait()
    try:
        with locked(folder):
            won.put(os.getpid())
            time.sleep(1.0)
    except FolderInUseError:
        pass


@pytest.mark.parametrize("left_over", [False, True])
def test_of_several_that_begin_together_one_gets_the_folder(tmp_path: Path, left_over: bool) -> None:
    if left_over:
        leave(tmp_path, beat=0.0)
    context = multiprocessing.get_context("fork")
    begin, won = context.Event(), context.Queue()
    racers = [context.Process(target=_try, args=(str(tmp_path), begin, won)) for _ in range(8)]
    for racer in racers:
        racer.start()
    begin.set()
    for racer in racers:
        racer.join(30)
    assert won.qsize() == 1


def test_the_holder_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_lock, "BEAT_SECONDS", 0.05)
    with locked(str(tmp_path)):
        first = json.loads((tmp_path / NAME).read_text())["beat"]
        deadline = time.monotonic() + 10
        while json.loads((tmp_path / NAME).read_text())["beat"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_store_without_conditions_still_refuses_the_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_create_file", lambda inner, data: storage._create_or_lose(inner, data))
    with locked(str(tmp_path)), pytest.raises(FolderInUseError), locked(str(tmp_path)):
        pass
