"""RecordIO-protobuf: rows a second and core, our columnar writer against the JVM writer of sagemaker-pyspark.

python benchmarks/recordio.py [--rows 400000] [--repeats 3]

Both write the same cached table of MLlib vectors from the same local[1] session to the same disk; whichever runs first
alternates, and the median counts.  What is counted are the CPU-seconds of this process, its JVM and its Python workers,
which other programs on the machine hardly change.  The encoder alone, on NumPy arrays, is measured too.  The JVM
writer needs protobuf-java: Debian's libprotobuf-java, or a jar named by SPARRING_PROTOBUF_JAR.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from pages import save, table
from pyspark import StorageLevel
from pyspark.ml.functions import array_to_vector
from pyspark.ml.linalg import Vectors
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_matrix

from sparring.spark.jars import sagemaker_jars
from sparring.sagemaker.channel import write_channel
from sparring.spark.session import SessionSpec, get_session, stop_session
from sparring.wire import Rows, recordio
from sparring.wire.records import joined

JAR = Path(os.environ.get("SPARRING_PROTOBUF_JAR", "/usr/share/java/protobuf.jar"))
CONTENT_TYPE = "application/x-recordio-protobuf"
DENSE_WIDTH, SPARSE_WIDTH, CELLS = 28, 1_000, 30


def dense(spark: SparkSession, rows: int) -> DataFrame:
    features = F.array(*(F.rand(number).alias(f"f{number}") for number in range(DENSE_WIDTH)))
    return spark.range(rows, numPartitions=1).select(
        F.col("id").alias("key"),
        (F.col("id") % 2).cast("double").alias("label"),
        array_to_vector(features).alias("features"),
    )


def sparse(spark: SparkSession, rows: int) -> DataFrame:
    """About CELLS cells in a row, as a prepared matrix with categories has."""
    matrix = cells(rows)
    bounds = zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
    vectors = [Vectors.sparse(SPARSE_WIDTH, matrix.indices[a:b], matrix.data[a:b]) for a, b in bounds]
    made = [(key, float(key % 2), vector) for key, vector in enumerate(vectors)]
    return spark.createDataFrame(made, ["key", "label", "features"]).coalesce(1)


def cells(rows: int) -> csr_matrix:
    matrix = random_matrix(rows, SPARSE_WIDTH, CELLS / SPARSE_WIDTH, format="csr", dtype=np.float32, random_state=1)
    matrix.sort_indices()
    return matrix


def cpu_seconds() -> float:
    """Return what this process and all it started have used; Spark keeps its Python workers."""
    tree = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return sum(sum(process.cpu_times()[:2]) for process in tree)


def measured(work: Callable[[str], object]) -> float:
    """Return the CPU-seconds of writing to a new folder."""
    folder = tempfile.mkdtemp()
    shutil.rmtree(folder)
    start = cpu_seconds()
    work(folder)
    seconds = cpu_seconds() - start
    shutil.rmtree(folder, ignore_errors=True)
    return seconds


def compared(rows: DataFrame, count: int, repeats: int) -> dict[str, float]:
    """Return the median rows a CPU-second of both writers, after one run of each that does not count."""
    jvm = rows.coalesce(1).sortWithinPartitions("key").select("label", "features")
    ours, theirs = "Sparring", "JVM writer"
    works: dict[str, Callable[[str], object]] = {
        ours: lambda folder: write_channel(rows, folder, CONTENT_TYPE),
        theirs: lambda folder: jvm.write.format("sagemaker").save(folder),
    }
    seconds: dict[str, list[float]] = {ours: [], theirs: []}
    for number in range(repeats + 1):
        for name in (ours, theirs) if number % 2 else (theirs, ours):
            taken = measured(works[name])
            if number:
                seconds[name].append(taken)
    return {name: count / statistics.median(found) for name, found in seconds.items()}


def encoder_alone(features: np.ndarray | csr_matrix, repeats: int) -> float:
    rows = Rows(features, np.zeros(features.shape[0]))
    batches = [rows[start : start + 20_000] for start in range(0, rows.count, 20_000)]
    seconds = [measured(lambda _: [joined(recordio.encode(batch)) for batch in batches]) for _ in range(repeats)]
    return rows.count / statistics.median(seconds)


def page(results: dict) -> str:
    speeds = ("JVM writer", "Sparring", "encoder alone")
    body = []
    for kind, found in results["tables"].items():
        ratios = [f"{found[name] / found['JVM writer']:.1f}" for name in speeds[1:]]
        body.append([kind, f"{found['rows']:,}", *(f"{found[name]:,.0f}" for name in speeds), *ratios])
    head = ["rows", "number", "JVM writer", "Sparring", "encoder alone", "Sparring / JVM", "encoder / JVM"]
    return f"""# Writing RecordIO-protobuf

Rows a CPU-second (of driver, JVM and Python workers together), written by `benchmarks/recordio.py`: the same cached
table of MLlib vectors, the same session (`local[1]`), the same disk, median of {results["repeats"]} runs after a first
one that does not count. The bytes are the same, and both sort the rows by key first. *Sparring* is `write_channel` as
users call it, rows going from the JVM to Python as Arrow batches: the encoder is a small part of its time;
*encoder alone* turns arrays in memory into records, as scoring does. The load average while it ran was
{results["load"]:.1f} on {results["cores"]} cores.

{table(head, body)}

Dense rows have {DENSE_WIDTH} features, sparse ones {CELLS} of {SPARSE_WIDTH:,} on average.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if not JAR.exists():
        raise SystemExit(f"{JAR} is missing: apt-get install libprotobuf-java, or set SPARRING_PROTOBUF_JAR")
    batch = {"spark.sql.execution.arrow.maxRecordsPerBatch": "20000"}
    spark = get_session(SessionSpec("recordio", 1, "3g", [*sagemaker_jars(), str(JAR)], batch))
    spark.sparkContext.setLogLevel("ERROR")
    counts = {"dense": arguments.rows, "sparse": arguments.rows // 4}
    tables: dict[str, dict[str, float]] = {}
    for kind, make in (("dense", dense), ("sparse", sparse)):
        rows = make(spark, counts[kind]).persist(StorageLevel.MEMORY_ONLY)
        rows.count()
        tables[kind] = {"rows": counts[kind], **compared(rows, counts[kind], arguments.repeats)}
        rows.unpersist()
    stop_session(spark)
    rng = np.random.default_rng(0)
    arrays = {"dense": rng.random((counts["dense"], DENSE_WIDTH)).astype(np.float32), "sparse": cells(counts["sparse"])}
    for kind, features in arrays.items():
        tables[kind]["encoder alone"] = encoder_alone(features, arguments.repeats)
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    results = {"tables": tables, "repeats": arguments.repeats, "load": load, "cores": cores}
    save("recordio", results, page(results))


if __name__ == "__main__":
    main()
