"""A job that measures itself by our meter and, as the executors are on this machine, by the kernel's own record."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import psutil
from pyspark.sql import functions as F

from sparring.comparison.executors import ExecutorMeter
from sparring.spark.checkpoint import checkpoints_in, computed_once
from sparring.spark.cluster import Cluster, task_slots
from sparring.spark.session import get_session


def executors() -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        # One may end while it is looked at.
        with suppress(psutil.Error):
            if any("CoarseGrainedExecutorBackend" in word for word in process.cmdline()):
                found.append(process)
    return found


def cpu_of_executors() -> float:
    tree = [one for process in executors() for one in [process, *process.children(recursive=True)]]
    times = [one.cpu_times() for one in tree]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def work(seed: int) -> None:
    spark.range(15_000_000).select(F.sum(F.sin(F.col("id") + seed))).collect()
    spark.range(60_000).rdd.map(lambda row: sum(range(300))).sum()


answer, folder = Path(sys.argv[1]), sys.argv[2]
spark = get_session()
spark.sparkContext.setLogLevel("ERROR")
with checkpoints_in(spark, folder):
    kept = computed_once(spark.range(10).withColumn("drawn", F.rand(1)))
    first = kept.collect()
    with ExecutorMeter(spark) as meter:
        before = cpu_of_executors()
        for seed in range(10):
            work(seed)
        truth = cpu_of_executors() - before
    inside = any(Path(folder.removeprefix("file:")).rglob("part-*"))
    # Whatever was on the executors alone is lost with them.
    for process in executors():
        process.kill()
    again = kept.collect()
answer.write_text(
    json.dumps(
        {
            "cluster": Cluster.of(spark).to_dict(),
            "slots": task_slots(spark),
            "truth": truth,
            "measured": meter.usage.to_dict(),
            "checkpointed": inside,
            "left": Path(folder.removeprefix("file:")).exists(),
            "same": first == again,
            "folder": spark.sparkContext.getCheckpointDir(),
        }
    )
)
