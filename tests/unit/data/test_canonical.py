"""Equal rows have equal hashes and others have not, whatever the types."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from sparring.data.canonical import canonical_hash
from sparring.engine import functions as F

NAN = float("nan")


def hashes(spark: SparkSession, values: list[Any], kind: str, normalize_unicode: bool = False) -> list[str]:
    """Return the hash of each one-column row, in order."""
    rows = spark.createDataFrame([(at, value) for at, value in enumerate(values)], f"at int, v {kind}")
    found = rows.select("at", canonical_hash(["v"], rows.schema, normalize_unicode).alias("h")).orderBy("at").collect()
    return [row["h"] for row in found]


DISTINCT = {
    "string": [None, "", " ", "null", "a", "A", "x" * 31, "x" * 32, "x" * 33, "é", "e\u0301"],
    "int": [None, 0, 1, -1],
    "double": [None, 0.0, NAN, 1.0, float("inf"), -float("inf")],
    "float": [None, 0.0, NAN, 1.0],
    "boolean": [None, True, False],
    "decimal(10,2)": [None, Decimal("0.00"), Decimal("1.10"), Decimal("-1.10")],
    "decimal(38,10)": [None, Decimal("0"), Decimal("12345678901234567890.1234567890")],
    "binary": [None, b"", b"\x00", b"\x00\x00", b"a" * 40],
    "timestamp": [None, datetime(2024, 1, 1), datetime(2024, 1, 1, microsecond=1)],
    "array<string>": [
        None,
        [],
        [None],
        [""],
        ["null"],
        [None, "a"],
        ["a", None],
        ["a"],
        ["a", "b"],
        ["b", "a"],
        ["a,b"],
    ],
    "array<double>": [None, [], [None], [0.0], [NAN], [NAN, None]],
    "array<array<int>>": [None, [], [[]], [None], [[1], [2]], [[1, 2]]],
    "struct<a:string,b:string>": [None, (None, None), ("a", None), (None, "a"), ("", None), ('a","b":"', None)],
    "map<string,int>": [None, {}, {"a": None}, {"a": 1}, {"a": 1, "b": 2}, {"b": 1, "a": 2}],
    "map<string,array<int>>": [None, {"a": []}, {"a": None}, {"a": [1]}],
    "struct<m:map<string,double>,t:timestamp>": [None, ({}, None), ({"a": 1.0}, None), (None, datetime(2024, 1, 1))],
}


@pytest.mark.parametrize("kind", DISTINCT)
def test_different_values_have_different_hashes(spark: SparkSession, kind: str) -> None:
    found = hashes(spark, DISTINCT[kind], kind)
    assert len(set(found)) == len(DISTINCT[kind])
    assert all(len(text) == 32 and int(text, 16) >= 0 for text in found)


EQUAL = {
    "double": [(0.0, -0.0), (NAN, -NAN)],
    "float": [(0.0, -0.0), (NAN, -NAN)],
    "array<double>": [([0.0, NAN], [-0.0, NAN])],
    "struct<a:double>": [((-0.0,), (0.0,))],
    "map<string,double>": [({"a": 1.0, "b": -0.0}, {"b": 0.0, "a": 1.0})],
    "array<map<string,int>>": [([{"a": 1, "b": 2}], [{"b": 2, "a": 1}])],
}


@pytest.mark.parametrize("kind", EQUAL)
def test_equal_values_have_equal_hashes(spark: SparkSession, kind: str) -> None:
    for pair in EQUAL[kind]:
        assert len(set(hashes(spark, list(pair), kind))) == 1, pair


@pytest.mark.parametrize(
    ("kind", "pair"),
    [
        ("string", ("é", "e\u0301")),
        ("array<string>", (["é"], ["e\u0301"])),
        ("struct<a:string>", (("é",), ("e\u0301",))),
        ("map<string,string>", ({"é": "é"}, {"e\u0301": "e\u0301"})),
    ],
)
def test_unicode_forms_are_one_only_when_asked(spark: SparkSession, kind: str, pair: tuple[Any, Any]) -> None:
    assert len(set(hashes(spark, [*pair, None], kind, normalize_unicode=True))) == 2
    assert len(set(hashes(spark, [*pair, None], kind))) == 3


def test_nulls_keep_their_position(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(None, "a"), ("a", None), (None, None), ("", "a")], "x string, y string")
    assert rows.select(F.xxhash64("x", "y")).distinct().count() < 4, "Spark's own hash would do"
    assert rows.select(canonical_hash(["x", "y"], rows.schema)).distinct().count() == 4


def test_names_with_dots_and_the_order_of_columns(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(1, 2)], "`a.b` int, c int")
    one, two = rows.select(canonical_hash(["a.b", "c"], rows.schema), canonical_hash(["c", "a.b"], rows.schema)).first()
    assert one != two


@pytest.mark.spark_only
def test_a_timestamp_is_the_same_instant_in_every_session_time_zone(spark: SparkSession) -> None:
    rows = spark.sql("select timestamp_seconds(1) as t, array(timestamp_seconds(1)) as ts")
    hashed = rows.select(canonical_hash(["t", "ts"], rows.schema))
    before = spark.conf.get("spark.sql.session.timeZone")
    try:
        found = set()
        for zone in ("UTC", "Asia/Tokyo"):
            spark.conf.set("spark.sql.session.timeZone", zone)
            found.add(hashed.first()[0])
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)
    assert len(found) == 1


cells = st.tuples(
    st.none() | st.text(max_size=40),
    st.none() | st.floats(width=64),
    st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.none() | st.dictionaries(st.text(max_size=2), st.none() | st.integers(-5, 5), max_size=3),
)


# Shrinking would start hundreds of Spark jobs; the failing rows are printed as they are.
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(st.lists(cells, min_size=20, max_size=60))
def test_hashes_are_equal_exactly_when_python_says_rows_are(spark: SparkSession, rows: list[tuple[Any, ...]]) -> None:
    def identity(row: tuple[Any, ...]) -> tuple[Any, ...]:
        text, number, items, entries = row
        return (
            text,
            "NaN" if number is not None and number != number else number,
            None if items is None else tuple(items),
            None if entries is None else frozenset(entries.items()),
        )

    table = spark.createDataFrame(
        [(at, *row) for at, row in enumerate(rows)], "at int, s string, d double, a array<string>, m map<string,int>"
    )
    hashed = table.select("at", canonical_hash(["s", "d", "a", "m"], table.schema).alias("h")).orderBy("at").collect()
    pairs = {(identity(row), hashed[at]["h"]) for at, row in enumerate(rows)}
    assert len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs})
