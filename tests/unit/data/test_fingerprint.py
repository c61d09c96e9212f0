"""The fingerprint: blind to order, partitioning and storage, sensitive to every cell."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from sparring.data.fingerprint import (
    combine,
    fingerprint_of_arrays,
    fingerprint_of_batches,
    fingerprints_of_frame,
)
from sparring.io.cells import cells_of

WIDTH = 4
ROWS = st.lists(st.lists(st.floats(-9, 9, width=32), min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=12)


def dense(features: list[list[float]], order: list[int] | None = None) -> pa.RecordBatch:
    """Rows with keys k0, k1, ... and dense features, in ``order``."""
    order = list(range(len(features))) if order is None else order
    columns = {
        "key": [f"k{at}" for at in order],
        "label": [float(at % 2) for at in order],
        "weight": [1.0] * len(order),
        "features": pa.array([features[at] for at in order], pa.list_(pa.float32())),
        "split": ["train"] * len(order),
    }
    return pa.RecordBatch.from_pydict(columns)


def sparse(features: list[list[float]]) -> pa.RecordBatch:
    """The same rows with zero cells left out."""
    stored = [[(at, value) for at, value in enumerate(row) if value != 0] for row in features]
    batch = dense(features)
    indices = pa.array([[at for at, _ in row] for row in stored], pa.list_(pa.int32()))
    values = pa.array([[value for _, value in row] for row in stored], pa.list_(pa.float32()))
    arrays = [batch.column(name) for name in ("key", "label", "weight")]
    return pa.RecordBatch.from_arrays([*arrays, indices, values], names=["key", "label", "weight", "indices", "values"])


def vectors(features: list[list[float]], sparse: list[bool]) -> pa.RecordBatch:
    """The same rows as MLlib's vectors, some of them sparse."""
    stored = [
        [(at, value) for at, value in enumerate(row) if value != 0 or not thin]
        for row, thin in zip(features, sparse, strict=True)
    ]
    rows = [
        {
            "type": 0 if thin else 1,
            "size": WIDTH if thin else None,
            "indices": [at for at, _ in row] if thin else None,
            "values": [value for _, value in row],
        }
        for row, thin in zip(stored, sparse, strict=True)
    ]
    kinds = {"type": pa.int8(), "size": pa.int32(), "indices": pa.list_(pa.int32()), "values": pa.list_(pa.float64())}
    batch = dense(features)
    return batch.set_column(batch.schema.get_field_index("features"), "features", pa.array(rows, pa.struct(kinds)))


@given(ROWS, st.randoms())
def test_order_and_batches_do_not_matter(features: list[list[float]], random: object) -> None:
    order = list(range(len(features)))
    random.shuffle(order)
    cut = random.randint(0, len(order))
    whole = fingerprint_of_batches([dense(features)])
    assert fingerprint_of_batches([dense(features, order[:cut]), dense(features, order[cut:])]) == whole
    parts = [fingerprint_of_batches([dense(features, some)]) for some in (order[:cut], order[cut:])]
    assert combine(parts) == whole


@given(ROWS)
def test_dense_and_sparse_copies_have_one_fingerprint(features: list[list[float]]) -> None:
    assert fingerprint_of_batches([sparse(features)]) == fingerprint_of_batches([dense(features)])


@given(ROWS, st.data())
def test_vectors_of_both_kinds_have_the_fingerprint_of_their_values(
    features: list[list[float]], data: st.DataObject
) -> None:
    kinds = data.draw(st.lists(st.booleans(), min_size=len(features), max_size=len(features)))
    batch, cut = vectors(features, kinds), data.draw(st.integers(0, len(features)))
    whole = fingerprint_of_batches([dense(features)])
    assert fingerprint_of_batches([batch]) == fingerprint_of_batches([batch[:cut], batch[cut:]]) == whole


@given(ROWS, st.integers(1, 5))
def test_arrays_in_memory_are_hashed_in_blocks(features: list[list[float]], block: int) -> None:
    batch = dense(features)
    columns = [batch.column(name).to_numpy(zero_copy_only=False) for name in ("key", "label", "weight")]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sparring.data.fingerprint.BLOCK", block)
        assert fingerprint_of_arrays(*columns, cells_of(batch)) == fingerprint_of_batches([batch])


@given(ROWS, st.data())
def test_every_cell_counts(features: list[list[float]], data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(features) - 1))
    column = data.draw(st.integers(0, WIDTH - 1))
    changed = [list(values) for values in features]
    changed[row][column] = float(np.nextafter(np.float32(changed[row][column]), np.float32(100)))
    assert fingerprint_of_batches([dense(changed)]) != fingerprint_of_batches([dense(features)])


@pytest.mark.parametrize("column", ["key", "label", "weight"])
def test_keys_labels_and_weights_count(column: str) -> None:
    batch = dense([[1.0, 2.0, 3.0, 4.0]] * 3)
    at = batch.schema.get_field_index(column)
    other = pa.array(["x", "y", "z"]) if column == "key" else pa.array([0.25, 0.5, 0.75])
    changed = batch.set_column(at, column, other)
    assert fingerprint_of_batches([changed]) != fingerprint_of_batches([batch])


@pytest.mark.spark_only
@settings(max_examples=3, deadline=None)
@given(ROWS)
def test_spark_finds_what_one_machine_finds(spark: SparkSession, features: list[list[float]]) -> None:
    batch = dense(features)
    frame = spark.createDataFrame(batch.to_pylist()).selectExpr(
        "key", "label", "weight", "cast(features as array<float>) features", "split"
    )
    assert fingerprints_of_frame(frame.repartition(3)) == {"train": fingerprint_of_batches([batch])}
