"""A table made of literals has the values that it was given."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from sparring.data.literal import literal_table

SCHEMA = "name string, size long, parts array<string>, at struct<hash: bigint, key: string>"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LONG = st.integers(-(2**63), 2**63 - 1)
ROW = st.fixed_dictionaries(
    {"name": TEXT, "size": LONG, "parts": st.lists(TEXT, max_size=3)}
    | {"at": st.fixed_dictionaries({"hash": LONG, "key": TEXT})}
)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(ROW, max_size=4))
def test_values_come_back(spark: SparkSession, rows: list) -> None:
    table = literal_table(spark, rows, SCHEMA)
    assert table.schema.simpleString() == (
        "struct<name:string,size:bigint,parts:array<string>,at:struct<hash:bigint,key:string>>"
    )
    assert [row.asDict(recursive=True) for row in table.collect()] == rows


def test_no_python_is_started_for_it(spark: SparkSession) -> None:
    plan = literal_table(spark, [{"size": 1}], "size long")._jdf.queryExecution().executedPlan().toString()
    assert "Python" not in plan
    assert "ExistingRDD" not in plan
