"""What is made of readings and records; a real cluster's are in the integration tests."""

import os
from types import SimpleNamespace

import psutil
import pytest
from pyspark import SparkConf

from sparring.comparison import executors as module
from sparring.comparison.executors import ClusterUsage, Reading, read_own_executor

RECORD = {"active": True, "failed_tasks": 1, "gc_seconds": 0.5, "input_bytes": 10}
RECORD |= {"shuffle_read_bytes": 0, "shuffle_write_bytes": 0}


def test_what_was_recorded_before_is_not_counted_and_losses_are() -> None:
    before = {"0": RECORD, "1": RECORD, "2": RECORD | {"active": False}}
    after = {
        "0": RECORD | {"failed_tasks": 3, "gc_seconds": 0.75},
        "1": RECORD | {"active": False},
        "2": RECORD | {"active": False},
        "3": RECORD | {"input_bytes": 7},
    }
    found = module._since(before, after)
    assert (found["failed_tasks"], found["gc_seconds"], found["input_bytes"]) == (3, 0.75, 7)
    assert found["lost_executors"] == 1
    assert module._since(before, {}) == {}, "no record is no zero"


@pytest.mark.parametrize(
    ("failed", "lost", "disturbed"), [(0, 0, False), (None, None, False), (1, 0, True), (0, 1, True)]
)
def test_a_loss_disturbs_a_measurement(failed: int | None, lost: int | None, disturbed: bool) -> None:
    assert ClusterUsage(2, 2, failed_tasks=failed, lost_executors=lost).disturbed is disturbed


def test_the_larger_peak_of_two_readings_is_kept() -> None:
    small, large = (Reading("h", 1, 2, 3.0, peak) for peak in (5, 9))
    assert module._with_larger_peak(small, large).peak_bytes == module._with_larger_peak(large, small).peak_bytes == 9
    assert module._with_larger_peak(small, None) is small


def test_a_process_below_no_jvm_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TASK_SECONDS", 0.0)
    monkeypatch.setattr(module, "_jvm_above", lambda pid: None)
    assert list(read_own_executor([])) == []


def test_the_tree_of_a_process_is_read_from_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TASK_SECONDS", 0.0)
    monkeypatch.setattr(module, "_jvm_above", lambda pid: os.getpid())
    (reading,) = read_own_executor([])
    # A JVM of these tests may be below this process: it is counted with all else that is.
    own = psutil.Process().cpu_times()
    assert reading.pid == os.getpid()
    assert reading.cpu_seconds >= own.user + own.system - 1
    assert reading.peak_bytes > 1 << 20


def test_a_platform_that_lets_nobody_look_leaves_figures_unknown_and_raises_nothing() -> None:
    class Closed:
        master, defaultParallelism = "yarn", 6

        def getConf(self) -> SparkConf:
            return SparkConf(loadDefaults=False)

        def __getattr__(self, name: str) -> object:
            raise PermissionError(name)

    with module.ExecutorMeter(SimpleNamespace(sparkContext=Closed())) as meter:
        pass
    assert (meter.usage.cores, meter.usage.cpu_seconds, meter.usage.failed_tasks) == (6, None, None)
    assert not meter.usage.disturbed
