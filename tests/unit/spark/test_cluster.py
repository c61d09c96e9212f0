"""What a session's settings say of a cluster."""

from types import SimpleNamespace
from typing import Any

import pytest
from pyspark import SparkConf

from sparring.spark import cluster as module
from sparring.spark.cluster import Cluster, fit_shuffles, is_local_master, task_slots


def session(master: str, slots: list[int], **settings: str) -> Any:
    """A session as far as it is asked: ``slots`` are what it counts, one look after the other."""
    conf = SparkConf(loadDefaults=False)
    for name, value in settings.items():
        conf.set(f"spark.{name.replace('__', '.')}", value)
    looks = iter([*slots, *[slots[-1]] * 1_000])
    manager = SimpleNamespace(defaultResourceProfile=lambda: None)
    scala = SimpleNamespace(resourceProfileManager=lambda: manager, maxNumConcurrentTasks=lambda profile: next(looks))
    context = SimpleNamespace(
        master=master, defaultParallelism=3, getConf=lambda: conf, _jsc=SimpleNamespace(sc=lambda: scala)
    )
    told: dict[str, str] = {}
    return SimpleNamespace(sparkContext=context, conf=SimpleNamespace(set=told.__setitem__), told=told)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_SECONDS", 0.25)
    monkeypatch.setattr(module, "MOST_SECONDS", 2.0)


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*, 4]"])
def test_one_process_is_no_cluster(master: str) -> None:
    assert is_local_master(master)
    assert task_slots(session(master, [9])) == 3


@pytest.mark.parametrize("master", ["yarn", "spark://host:7077", "k8s://https://host", "local-cluster[2,1,1024]"])
def test_others_are(master: str) -> None:
    assert not is_local_master(master)


def test_slots_are_those_of_all_executors_once_they_have_come() -> None:
    assert task_slots(session("yarn", [0, 0, 4, 8])) == 8


def test_executors_that_may_come_count() -> None:
    allocation = {"dynamicAllocation__enabled": "true", "dynamicAllocation__maxExecutors": "5", "executor__cores": "4"}
    assert task_slots(session("yarn", [4], **allocation)) == 20
    assert task_slots(session("yarn", [4], **allocation, task__cpus="2")) == 10
    assert task_slots(session("yarn", [4], dynamicAllocation__enabled="true")) == 4


def test_a_cluster_is_the_same_whichever_executors_are_there() -> None:
    one, other = (Cluster.of(session("yarn", [slots], executor__memory="4g", app__name="x")) for slots in (1, 9))
    assert one == other
    assert one.to_dict() == {"master": "yarn", "settings": {"spark.executor.memory": "4g"}}
    assert one != Cluster.of(session("yarn", [1], executor__memory="8g"))


@pytest.mark.parametrize(
    ("size", "settings", "pieces"),
    [
        (0, {}, "8"),
        (1 << 40, {}, str((4 << 40) // (64 << 20))),
        (None, {}, None),
        (1 << 40, {"sql__shuffle__partitions": "7"}, None),
    ],
)
def test_shuffles_have_pieces_by_slots_and_table_unless_its_user_said(
    size: int | None, settings: dict[str, str], pieces: str | None
) -> None:
    spark = session("yarn", [4], **settings)
    fit_shuffles(spark, size)
    assert spark.told.get("spark.sql.shuffle.partitions") == pieces
