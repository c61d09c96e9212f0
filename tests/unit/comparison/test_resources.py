"""The meter against real processes that use a known amount."""

import multiprocessing
import os
import subprocess
import sys
import time

import psutil
import pytest

from sparring.comparison import ProcessTreeMeter
from sparring.errors import ComparisonError

MEBIBYTE = 1 << 20
BURN = "import time\nwhile time.process_time() < {seconds}: pass\n"
HOLD = "block = bytearray({size})\nblock[::4096] = b'x' * len(block[::4096])\n" + BURN


def run(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


def parent_of(*children: str) -> str:
    """Code of a process that starts ``children`` and waits for them."""
    start = f"children = [subprocess.Popen([sys.executable, '-c', code]) for code in {children!r}]"
    return f"import subprocess, sys\n{start}\nfor child in children: child.wait()"


def test_cpu_of_children_and_grandchildren_adds_up() -> None:
    process = run(parent_of(BURN.format(seconds=0.6), BURN.format(seconds=0.4)))
    with ProcessTreeMeter(process.pid) as meter:
        process.wait()
    assert 0.9 < meter.usage.cpu_seconds < 1.6
    assert meter.usage.processes == 3
    assert meter.usage.wall_seconds > 0.55


def test_processes_shorter_than_the_interval_count_once_waited_for() -> None:
    one = "subprocess.run([sys.executable, '-S', '-c', 'pass'])"
    many = f"import subprocess, sys\nfor _ in range(8): {one}\nprint('done', flush=True)\ninput()"
    process = subprocess.Popen([sys.executable, "-c", many], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with ProcessTreeMeter(process.pid, interval=60) as meter:
        assert process.stdout.readline() == b"done\n"
        waited = psutil_waited(process.pid)
    process.communicate(b"\n")
    assert meter.usage.processes < 8
    assert waited > 0
    assert meter.usage.cpu_seconds >= waited


def psutil_waited(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.children_user + times.children_system


def test_memory_of_two_children_adds_up() -> None:
    hold = HOLD.format(size=100 * MEBIBYTE, seconds=0.8)
    process = run(parent_of(hold, hold))
    with ProcessTreeMeter(process.pid) as meter:
        process.wait()
    assert 200 * MEBIBYTE < meter.usage.peak_memory_bytes < 290 * MEBIBYTE
    assert meter.usage.peak_memory_bytes <= meter.usage.peak_resident_bytes


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="the kernel offers no proportional memory")
def test_pages_shared_after_a_fork_count_once() -> None:
    fork = (
        f"import os, time\nblock = bytearray({150 * MEBIBYTE})\nblock[::4096] = b'x' * len(block[::4096])\n"
        "children = [os.fork() for _ in range(1)]\n"
        "while time.process_time() < 0.6: pass\n"
        "children[0] and os.wait()"
    )
    process = run(fork)
    with ProcessTreeMeter(process.pid) as meter:
        process.wait()
    assert meter.usage.memory_measure == "pss"
    assert meter.usage.peak_resident_bytes > 300 * MEBIBYTE
    assert meter.usage.peak_memory_bytes < 220 * MEBIBYTE


def test_what_was_used_before_does_not_count() -> None:
    target = time.process_time() + 0.3
    while time.process_time() < target:
        pass
    with ProcessTreeMeter() as meter:
        start = time.process_time()
        while time.process_time() < start + 0.3:
            pass
    assert 0.28 < meter.usage.cpu_seconds < 0.6


def test_survives_processes_that_vanish_all_the_time() -> None:
    context = multiprocessing.get_context("fork")
    with ProcessTreeMeter(interval=0.001) as meter:
        for _ in range(60):
            child = context.Process(target=int)
            child.start()
            child.join()
    assert meter.usage.samples > 1


def test_a_root_that_was_killed_and_reaped_leaves_its_usage() -> None:
    process = run(BURN.format(seconds=60))
    with ProcessTreeMeter(process.pid) as meter:
        # By its own clock: on a busy machine it gets a fraction of a core.
        while sum(psutil.Process(process.pid).cpu_times()[:2]) < 0.4:
            time.sleep(0.05)
        process.kill()
        process.wait()
    assert meter.usage.cpu_seconds > 0.1
    assert meter.usage.peak_memory_bytes > MEBIBYTE


def test_no_process_to_watch_is_named() -> None:
    process = run("pass")
    process.wait()
    with pytest.raises(ComparisonError, match=str(process.pid)):
        ProcessTreeMeter(process.pid)


def test_a_tree_elsewhere_is_watched_too_and_one_inside_left_out() -> None:
    burn = BURN.format(seconds=0.5)
    other = run(burn)
    with ProcessTreeMeter(run("import time; time.sleep(0.8)").pid, also=other.pid) as both:
        other.wait()
        time.sleep(0.5)
    assert both.usage.cpu_seconds > 0.4
    process = run(parent_of(burn))
    child = None
    while child is None:
        child = next(iter(psutil.Process(process.pid).children()), None)
    with ProcessTreeMeter(process.pid, without=child.pid) as rest:
        process.wait()
    # Its parent waited for it, and the kernel tells the parent's share together with that.
    assert rest.usage.processes == 1


def test_what_started_a_process_and_is_left_out_takes_nothing_from_its_tree() -> None:
    process = run(parent_of(BURN.format(seconds=0.5)))
    child = None
    while child is None:
        child = next(iter(psutil.Process(process.pid).children()), None)
    with ProcessTreeMeter(child.pid, without=process.pid) as meter:
        process.wait()
    assert meter.usage.cpu_seconds > 0.3
