"""A bad row's error comes once every task has ended; other errors fail their task as Spark's do."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.errors import PythonException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from sparring.errors import TableError
from sparring.spark.tasks import reason_of, run_to_end

FOUND = pa.schema({"first": pa.int64(), "rows": pa.int64()})


def test_what_tasks_tell_is_returned(spark: SparkSession) -> None:
    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        ids = [value for batch in batches for value in batch.column(0).to_pylist()]
        yield pa.RecordBatch.from_pylist([{"first": min(ids), "rows": len(ids)}], schema=FOUND)

    found = run_to_end(spark.range(0, 100, 1, 4), count, FOUND)
    assert sorted(line["first"] for line in found) == [0, 25, 50, 75]
    assert {line["rows"] for line in found} == {25}


def test_an_error_waits_for_all_tasks_and_is_the_first_ones(spark: SparkSession, tmp_path: Path) -> None:
    def write(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        first = next(iter(batches)).column(0)[0].as_py()
        if first in (0, 50):
            raise TableError(f"row {first} is bad", "Fix it.")
        (tmp_path / str(first)).touch()
        yield from ()

    with pytest.raises(TableError, match=r"row 0 is bad\. Fix it\."):
        run_to_end(spark.range(0, 100, 1, 8), write, FOUND)
    assert len(list(tmp_path.iterdir())) == 6


def test_any_other_error_fails_its_task(spark: SparkSession) -> None:
    def tear(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        raise OSError("torn")
        yield

    with pytest.raises(PythonException, match="torn") as failure:
        run_to_end(spark.range(1), tear, FOUND)
    assert reason_of(failure.value) == "OSError: torn"


def test_a_reason_is_one_line_wherever_it_comes_from(spark: SparkSession) -> None:
    with pytest.raises(Exception, match="no such row") as failure:
        spark.range(1).select(F.raise_error(F.lit("no such row"))).collect()
    assert "no such row" in reason_of(failure.value)
    assert "\n" not in reason_of(failure.value)
    assert reason_of(ValueError("\none\ntwo")) == "one"
    assert reason_of(ValueError()) == "ValueError"
