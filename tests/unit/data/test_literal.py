"""Facts of the driver have in Spark the values that they were given."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from sparring.data.literal import FEW_FACTS, literal_table, with_facts

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


@pytest.mark.spark_only
def test_no_python_is_started_for_it(spark: SparkSession) -> None:
    plan = literal_table(spark, [{"size": 1}], "size long")._jdf.queryExecution().executedPlan().toString()
    assert "Python" not in plan
    assert "ExistingRDD" not in plan


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.dictionaries(TEXT, st.fixed_dictionaries({"size": LONG, "parts": st.lists(TEXT, max_size=3)})))
@pytest.mark.parametrize("few", [0, FEW_FACTS])
def test_each_row_gets_its_fact_however_many_there_are(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, few: int, facts: dict
) -> None:
    monkeypatch.setattr("sparring.data.literal.FEW_FACTS", few)
    names = [*facts, "a name of more than eight letters"]
    rows = literal_table(spark, [{"name": name} for name in names], "name string")
    found = with_facts(rows, "name", facts, "fact", "struct<size: bigint, parts: array<string>>").collect()
    assert {row["name"]: row["fact"] and row["fact"].asDict() for row in found} == {**dict.fromkeys(names), **facts}
