"""How duplicate removal grows: exact rows and near documents up to full size, on two cores and a 4 GB heap.

::

    uv run python benchmarks/dedup_scale.py [SHARE]

SHARE scales every size: 1 is 10 million rows and 2 million documents, which takes about half an hour and 12 GB of disk.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
from pages import save, table
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from sparring.dedup import Deduplicator, NearDeduplicator
from sparring.spark.session import SessionSpec, get_session, stop_session

HEAP = "4g"
# The largest tables once more with half of it.
SMALL_HEAP = "2g"
ROWS = (1_250_000, 2_500_000, 5_000_000, 10_000_000)
DOCUMENTS = (250_000, 500_000, 1_000_000, 2_000_000)
COPIES = (250_000, 500_000, 1_000_000)
CLUSTER = (20_000, 40_000, 80_000)
WORDS, VOCABULARY, BLOCK = 60, 20_000, 5_000


class Watch:
    """Seconds, and the most memory that this process, its JVM and the JVM's Python workers held together."""

    def __enter__(self) -> Watch:
        self.peak, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        self._start = time.perf_counter()
        return self

    def _look(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.5):
            held = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    held += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.peak = max(self.peak, held)

    def __exit__(self, *error: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self._done.set()
        self._thread.join()


def table_rows(spark: SparkSession, count: int, copies: int = 0) -> DataFrame:
    """Return rows of five columns; one in ten equals another one, and the first ``copies`` are one and the same."""
    origin = F.when(F.col("id") < copies, 0).when(F.xxhash64("id") % 10 == 0, F.col("id") - 1).otherwise(F.col("id"))
    seeds = [F.xxhash64("origin", F.lit(at)) for at in range(4)]
    return (
        spark.range(0, count, 1, 16)
        .select("id", origin.alias("origin"))
        .select(
            "id",
            F.concat(F.lit("name "), F.hex(seeds[0])).alias("name"),
            (seeds[1] % 1_000).alias("city"),
            (seeds[2] / F.lit(2.0**63)).alias("pay"),
            F.timestamp_seconds(F.abs(seeds[3]) % 1_700_000_000).alias("seen"),
        )
    )


def documents(spark: SparkSession, count: int, copies: int = 0, cluster: int = 0) -> DataFrame:
    """Return texts; a tenth are copies of others with two words changed.

    The first ``copies`` are one text; the next ``cluster`` are one text with one word of each changed.
    """

    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        letters = np.random.default_rng(0).integers(97, 123, (VOCABULARY, 9), dtype=np.uint8)
        lengths = np.random.default_rng(1).integers(2, 10, VOCABULARY)
        words = pa.array([bytes(row[:length]).decode() for row, length in zip(letters, lengths, strict=True)])
        frequency = np.cumsum(1 / np.arange(1, VOCABULARY + 1))
        for batch in batches:
            for block in batch.column(0).to_pylist():
                rng = np.random.default_rng([7, block])
                ids = np.arange(block * BLOCK, min((block + 1) * BLOCK, count))
                chosen = np.searchsorted(frequency, rng.random((len(ids), WORDS)) * frequency[-1])
                changed = rng.integers(0, WORDS, (2, len(ids))), rng.integers(0, VOCABULARY, (2, len(ids)))
                tenth = np.arange(0, len(ids) - 1, 10)
                chosen[tenth] = chosen[tenth + 1]
                for place, word in zip(*changed, strict=True):
                    chosen[tenth, place[tenth]] = word[tenth]
                one = np.random.default_rng(9).integers(0, VOCABULARY, (2, WORDS))
                chosen[ids < copies] = one[0]
                near = (ids >= copies) & (ids < copies + cluster)
                chosen[near] = one[1]
                chosen[near, changed[0][0][near]] = changed[1][0][near]
                taken = words.take(pa.array(chosen.ravel()))
                offsets = pa.array(np.arange(0, taken.offset + len(taken) + 1, WORDS), pa.int32())
                texts = pa.compute.binary_join(pa.ListArray.from_arrays(offsets, taken), " ")
                yield pa.RecordBatch.from_arrays([pa.array(ids), texts], names=["id", "text"])

    blocks = spark.range(0, -(-count // BLOCK), 1, 16)
    return blocks.mapInArrow(write, "id long, text string")


def exact(rows: DataFrame) -> dict[str, int]:
    """Mark all rows and count the survivors."""
    marked = Deduplicator(inputCols=["name", "city", "pay", "seen"], keyCols=["id"]).transform(rows)
    # Every column of every row goes through the stage, as when the table is written.
    counted = marked.agg(F.sum(F.col("isSurvivor").cast("long")), F.sum(F.xxhash64(*marked.columns) % 2)).first()
    return {"survivors": counted[0] if counted else 0}


def near(rows: DataFrame) -> dict[str, int]:
    """Search, mark all rows, and return the funnel."""
    stage = NearDeduplicator(textCols=["text"], keyCols=["id"], shingleUnit="word", shingleSize=3, threshold=0.7)
    found = stage.search(rows)
    marked = stage.mark(rows, found)
    counted = marked.agg(F.sum(F.col("isSurvivor").cast("long")), F.sum(F.xxhash64(*marked.columns) % 2)).first()
    return {**found.funnel, "survivors": counted[0] if counted else 0}


def measure(spark: SparkSession, rows: DataFrame, work: Callable[[DataFrame], dict[str, int]]) -> dict[str, Any]:
    """Write the rows, then time the work on what was written."""
    folder = tempfile.mkdtemp(prefix="scale-")
    try:
        rows.write.mode("overwrite").parquet(folder)
        before = spilled(spark)
        with Watch() as watch:
            found = work(spark.read.parquet(folder))
        gigabytes = {"peak_gib": watch.peak / 2**30, "spilled_gib": (spilled(spark) - before) / 2**30}
        return {"seconds": watch.seconds, **gigabytes, **found}
    finally:
        shutil.rmtree(folder)
        spark.catalog.clearCache()


def spilled(spark: SparkSession) -> int:
    """Return the bytes that tasks have written to disk for want of memory."""
    jvm, context = spark.sparkContext._jvm, spark.sparkContext._jsc.sc()
    assert jvm is not None
    none = jvm.java.util.ArrayList()
    quantiles = spark.sparkContext._gateway.new_array(jvm.double, 0)  # type: ignore[union-attr]
    stages = context.statusStore().stageList(none, False, False, quantiles, none)
    return sum(stages.apply(at).diskBytesSpilled() for at in range(stages.size()))


def slope(sizes: Iterable[int], seconds: Iterable[float]) -> float:
    """Return the exponent by which time grows with size: the least-squares slope of the logarithms."""
    return float(np.polyfit(np.log(list(sizes)), np.log(list(seconds)), 1)[0])


def grown(
    spark: SparkSession,
    name: str,
    sizes: Iterable[int],
    make: Callable[[int], DataFrame],
    work: Callable[[DataFrame], dict[str, int]],
) -> dict[str, Any]:
    """Measure one way at all sizes."""
    runs = []
    for size in sizes:
        runs.append({"size": size, **measure(spark, make(size), work)})
        print(name, runs[-1], flush=True)
    grows = slope((run["size"] for run in runs), (run["seconds"] for run in runs)) if len(runs) > 1 else None
    return {"name": name, "heap": spark.conf.get("spark.driver.memory"), "slope": grows, "runs": runs}


def page(results: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    rows = [
        [
            way["name"],
            way["heap"],
            f"{run['size']:,}",
            f"{run['seconds']:.1f}",
            f"{run['peak_gib']:.1f}",
            f"{run['spilled_gib']:.1f}",
            f"{run['survivors']:,}",
            f"{way['slope']:.2f}" if len(way["runs"]) > 1 and run is way["runs"][-1] else "",
        ]
        for way in results["ways"]
        for run in way["runs"]
    ]
    head = ["what", "heap", "size", "s", "peak memory, GiB", "spilled, GiB", "survivors", "log-log slope"]
    return f"""# How duplicate removal grows

Written by `benchmarks/dedup_scale.py {results["share"]:g}`: {results["cores"]} cores, one JVM that is driver and
executor, tables read from Parquet. Peak memory is that of Python, the JVM and its Python workers.
Documents have {WORDS} words, shingles of 3 words, threshold 0.7. A slope of 1 is linear; fixed costs make it less.

{table(head, rows)}

In the skewed tables the size is that of the skew: copies of one row or text beside as many others, or a cluster of
texts that differ from one text in one word each, beside 100,000 others (times the share).
"""


def started(heap: str) -> SparkSession:
    """Return a session that has searched once: its first search compiles, which is not what grows."""
    conf = {"spark.sql.shuffle.partitions": "16", "spark.ui.retainedStages": "100000"}
    spark = get_session(SessionSpec("scale", 2, heap, [], conf))
    spark.sparkContext.setLogLevel("ERROR")
    exact(table_rows(spark, 10_000))
    near(documents(spark, 10_000))
    return spark


def main(share: float) -> None:
    """Measure and write both files."""

    def sized(sizes: tuple[int, ...]) -> list[int]:
        return [max(100, round(size * share)) for size in sizes]

    others = round(100_000 * share)
    spark = started(HEAP)
    ways = [
        grown(spark, "exact, rows", sized(ROWS), lambda n: table_rows(spark, n), exact),
        grown(spark, "exact, one row's copies", sized(COPIES), lambda n: table_rows(spark, 2 * n, n), exact),
        grown(spark, "near, documents", sized(DOCUMENTS), lambda n: documents(spark, n), near),
        grown(spark, "near, one text's copies", sized(COPIES), lambda n: documents(spark, 2 * n, n), near),
        grown(spark, "near, one cluster", sized(CLUSTER), lambda n: documents(spark, n + others, 0, n), near),
    ]
    stop_session(spark)
    small = started(SMALL_HEAP)
    ways += [
        grown(small, "exact, rows", sized(ROWS[-1:]), lambda n: table_rows(small, n), exact),
        grown(small, "near, documents", sized(DOCUMENTS[-1:]), lambda n: documents(small, n), near),
    ]
    results = {"share": share, "cores": 2, "ways": ways}
    save("dedup_scale", results, page(results))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
