"""The prepared matrix: Spark reads vectors, NumPy arrays, from the same files, and both see the same numbers."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.ml.linalg import DenseVector, SparseVector
from pyspark.sql import DataFrame, SparkSession

from sparring.config.schema import FeaturesConfig, PrepareConfig
from sparring.data.fingerprint import fingerprints_of_frame
from sparring.data.matrix import PARTS, PreparedMatrix
from sparring.feature.preparation import FeaturePreparationModel
from sparring.feature.vectors import read_arrays, read_vectors
from sparring.feature.write import prepare

ROWS = 60


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """Standardized rows: a third in each part, a number with gaps, a category."""
    rng = np.random.default_rng(3)
    table = {
        "sparring__key": [f"k{at:03d}" for at in range(ROWS)],
        "sparring__label": [float(at % 2) for at in range(ROWS)],
        "sparring__weight": [1.0 if at % 3 else 2.0 for at in range(ROWS)],
        "sparring__group": [f"g{at % 7}" for at in range(ROWS)],
        "sparring__split": [PARTS[at % 3] for at in range(ROWS)],
        "x": [None if at % 5 == 0 else float(x) for at, x in enumerate(rng.normal(size=ROWS))],
        "city": [None if at % 11 == 0 else "abcdefgh"[at % 8] for at in range(ROWS)],
    }
    return spark.createDataFrame(list(zip(*table.values(), strict=True)), list(table))


@pytest.fixture(scope="module", params=["dense", "sparse"])
def matrix(request: pytest.FixtureRequest, rows: DataFrame, tmp_path_factory: pytest.TempPathFactory) -> PreparedMatrix:
    folder = str(tmp_path_factory.mktemp(request.param))
    features = FeaturesConfig(numeric=["x"], categorical=["city"])
    prepare(rows, features, PrepareConfig(storage=request.param), seed=1, folder=folder)
    return PreparedMatrix(folder)


@pytest.fixture(scope="module")
def expected(matrix: PreparedMatrix, rows: DataFrame) -> np.ndarray:
    """All rows in the order of their keys, encoded without files."""
    model = FeaturePreparationModel.load(f"{matrix.folder}/preparation")
    return model.encoder.dense(pa.RecordBatch.from_pandas(rows.orderBy("sparring__key").toPandas()))


@pytest.mark.spark_only
def test_spark_reads_vectors_of_the_stored_kind(matrix: PreparedMatrix, spark: SparkSession, expected) -> None:
    found = read_vectors(spark, matrix).orderBy("key").collect()
    assert [row.key for row in found] == [f"k{at:03d}" for at in range(ROWS)]
    kind = DenseVector if matrix.encoding().storage == "dense" else SparseVector
    assert all(isinstance(row.features, kind) for row in found)
    assert (np.stack([row.features.toArray() for row in found]) == expected.astype(np.float64)).all()


def test_numpy_reads_the_same_numbers(matrix: PreparedMatrix, expected) -> None:
    for at, part in enumerate(PARTS):
        rows = matrix.read(part)
        assert rows.features.dtype == np.float32
        assert (rows.features.toarray() == expected[at::3]).all()
        assert (rows.weights == [1.0 if number % 3 else 2.0 for number in range(at, ROWS, 3)]).all()


def test_arrays_keep_absent_cells_absent(matrix: PreparedMatrix, spark: SparkSession, expected) -> None:
    found = read_arrays(spark, matrix).orderBy("key").collect()
    if matrix.encoding().storage == "dense":
        assert ([row.features for row in found] == expected).all()
        return
    assert [row.indices for row in found] == [np.flatnonzero(row).tolist() for row in expected]
    assert [row.values for row in found] == [row[row != 0].tolist() for row in expected]


def test_every_reader_finds_the_fingerprints_that_were_written(matrix: PreparedMatrix, spark: SparkSession) -> None:
    written = matrix.encoding().fingerprints
    assert {part: matrix.read(part).fingerprint() for part in PARTS} == written
    assert fingerprints_of_frame(read_vectors(spark, matrix)) == written
    assert fingerprints_of_frame(read_arrays(spark, matrix)) == written


def test_footers_tell_how_many_cells_and_whether_rows_are_weighted(matrix: PreparedMatrix) -> None:
    for part in PARTS:
        stored = [
            pq.read_table(file, partitioning=None)["features"] for file in Path(matrix.path(part)).glob("*.parquet")
        ]
        cells = sum(len(value) for column in stored for value in column.combine_chunks().field("values").to_pylist())
        assert matrix.cells(part) == cells
    # Every third row weighs 2: those are all of train.
    assert matrix.weighted("train")
    assert not matrix.weighted("test")
