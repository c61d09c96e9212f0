"""Batches of a large table go through a function in several parts at a time, as Spark's partitions do."""

from collections.abc import Iterable, Iterator

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from sparring.feature import FeaturePreparation
from sparring.inference.metrics import ScoringMetrics, metrics_accumulator
from sparring.one_machine import frame
from sparring.one_machine.choice import one_machine
from sparring.spark.tasks import attempt_name, run_to_end

ROWS = 1_000


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of ten rows, in four parts."""
    monkeypatch.setattr(frame, "BATCH", 10)
    monkeypatch.setattr(frame, "available_cores", lambda: 4)


@pytest.mark.usefixtures("parts")
def test_rows_keep_their_order_and_each_part_has_a_name_in_it() -> None:
    def named(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            names = pa.array([attempt_name()] * batch.num_rows)
            yield pa.RecordBatch.from_arrays([*batch.columns, names], ["x", "name"])

    found = one_machine().createDataFrame(pd.DataFrame({"x": range(ROWS)})).mapInArrow(named, "x long, name string")
    assert found.toPandas().x.tolist() == list(range(ROWS))
    assert found.toPandas().name.is_monotonic_increasing
    assert found.toPandas().groupby("name").size().tolist() == [250] * 4


@pytest.mark.usefixtures("parts")
def test_what_the_parts_add_up_to_is_all_rows() -> None:
    machine = one_machine()
    metrics = metrics_accumulator(machine)
    schema = pa.schema({"rows": pa.int64()})

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = 0
        for batch in batches:
            metrics.add(ScoringMetrics.of(batch.num_rows, 0.001, ended=1.0))
            total += batch.num_rows
        yield pa.RecordBatch.from_pylist([{"rows": total}], schema=schema)

    lines = run_to_end(machine.createDataFrame(pd.DataFrame({"x": range(ROWS)})), count, schema)
    assert [line["rows"] for line in lines] == [250] * 4
    assert (metrics.value.rows, metrics.value.requests) == (ROWS, 100)


def test_features_do_not_depend_on_the_parts(spark: SparkSession, request: pytest.FixtureRequest) -> None:
    rows = pd.DataFrame({"x": [at % 37 / 7 for at in range(ROWS)], "c": [f"c{at % 11}" for at in range(ROWS)]})
    stage = FeaturePreparation(numericCols=["x"], categoricalCols=["c"])
    whole = stage.fit_transform(rows).features.tolist()
    request.getfixturevalue("parts")
    assert stage.fit_transform(rows).features.tolist() == whole
