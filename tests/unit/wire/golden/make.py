"""Writes the golden files with the JVM writer of sagemaker-pyspark: python make.py [FOLDER].

The writer needs protobuf-java on the class path: Debian's libprotobuf-java, or any protobuf-java 2.5 to 3.21 jar named
by SPARRING_PROTOBUF_JAR.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from pyspark.ml.linalg import Vector, Vectors

from sparring.spark.jars import sagemaker_jars
from sparring.spark.session import SessionSpec, get_session, stop_session

JAR = Path(os.environ.get("SPARRING_PROTOBUF_JAR", "/usr/share/java/protobuf.jar"))
HERE = Path(__file__).parent


def cases() -> dict[str, list[tuple[float, Vector]]]:
    """Rows whose lengths take one, two and three bytes, and numbers at the edges of float32."""
    rng = np.random.default_rng(11)
    edges = [0.0, -0.0, 1.5, -1e-45, 3.4028235e38, float("inf"), float("-inf"), float("nan"), 0.1, 16777217.0]

    def sparse(size: int, cells: int) -> Vector:
        return Vectors.sparse(size, np.sort(rng.choice(size, cells, replace=False)), rng.normal(size=cells))

    return {
        "dense": [(float(label), Vectors.dense(rng.normal(size=7))) for label in (0, 1, -2.5)],
        "edges": [(value, Vectors.dense(edges)) for value in edges],
        "wide": [(1.0, Vectors.dense(rng.normal(size=4_200))), (0.0, Vectors.dense(np.arange(4_200.0)))],
        "narrow": [(1.0, Vectors.dense([])), (0.0, Vectors.dense([]))],
        "sparse": [(float(n), sparse(20_000, n)) for n in (0, 1, 2, 5, 24, 25, 26, 31, 32, 33, 40, 1)],
        "small": [(float(n), sparse(100, n)) for n in (0, 3, 3, 2, 100, 0)],
        "huge": [(1.0, Vectors.sparse(2**31 - 1, [0, 127, 128, 16383, 16384, 2**21, 2**28, 2**31 - 2], range(8)))],
        "mixed": [
            (1.0, sparse(30, 4)),
            (0.0, Vectors.dense(rng.normal(size=30))),
            (2.0, sparse(30, 4)),
            (3.0, sparse(30, 0)),
        ],
    }


def main(folder: Path) -> None:
    """Write one file a case."""
    if not JAR.exists():
        sys.exit(f"{JAR} is missing: apt-get install libprotobuf-java, or set SPARRING_PROTOBUF_JAR")
    spark = get_session(SessionSpec("golden", 1, "1g", [*sagemaker_jars(), str(JAR)]))
    with tempfile.TemporaryDirectory() as scratch:
        for name, rows in cases().items():
            table = spark.createDataFrame(rows, ["label", "features"]).coalesce(1)
            table.write.format("sagemaker").save(f"{scratch}/{name}")
            (part,) = Path(scratch, name).glob("part-*")
            shutil.copy(part, folder / f"{name}.pbr")
    stop_session(spark)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
