"""What one machine makes of an expression, a file or a whole run is what Spark makes of it, to the last bit."""

import math
from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import Column, SparkSession
from pyspark.sql import types as T

from sparring.data.readers import read_path
from sparring.engine import functions as F
from sparring.engine.functions import KNOWN
from sparring.engine.window import Window
from sparring.errors import TableError
from sparring.one_machine.choice import one_machine
from sparring.one_machine.evaluate import evaluated
from sparring.spark.reserved import named

TEXTS = st.sampled_from(["", " ", "a", "A b", "é", "e\u0301", "日本", "x" * 33, 'q"\\\n\t\x01/', "-1", "1.5", "true"])
LONGS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 2**31, 2**53 + 1])
DOUBLES = st.floats() | st.sampled_from([0.0, -0.0, math.nan, math.inf, 5e-324, 1e7, 1e-3, 2e23])
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda t: t.replace(tzinfo=timezone.utc))
DAYS = st.dates(date(1900, 1, 1), date(2100, 1, 1))
SCHEMA = T.StructType(
    [
        T.StructField("i", T.IntegerType()),
        T.StructField("l", T.LongType()),
        T.StructField("d", T.DoubleType()),
        T.StructField("f", T.FloatType()),
        T.StructField("b", T.BooleanType()),
        T.StructField("s", T.StringType()),
        T.StructField("t", T.TimestampType()),
        T.StructField("y", T.DateType()),
        T.StructField("m", T.DecimalType(20, 3)),
        T.StructField("a", T.ArrayType(T.StringType())),
    ]
)
ROW = st.tuples(
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | LONGS,
    st.none() | DOUBLES,
    st.none() | st.floats(width=32),
    st.none() | st.booleans(),
    st.none() | TEXTS,
    st.none() | TIMES,
    st.none() | DAYS,
    st.none() | st.decimals(-(10**9), 10**9, places=3, allow_nan=False),
    st.none() | st.lists(st.none() | TEXTS, max_size=4),
)
EVERY = [named(name) for name in "ildfbstym"]

EXPRESSIONS: dict[str, Callable[[], Column]] = {
    "hash of all": lambda: F.xxhash64(F.lit(7).cast("long"), *EVERY),
    "hash of 128 bits": lambda: F.hash128(*EVERY, F.lit("end"), named("b").isNull()),
    "largest of an array": lambda: F.array_max(named("a")),
    "place of the largest": lambda: F.call_function("array_position", named("a"), F.array_max(named("a"))),
    "hash of text and its seed": lambda: F.xxhash64(F.lit("units"), named("s"), F.lit(3)),
    "arithmetic": lambda: named("l") * 3 + named("i") - 1,
    "double arithmetic": lambda: (named("d") + named("i")) / named("l") - named("f"),
    "remainder": lambda: F.pmod(named("l"), F.lit(7)) + named("i") % 5,
    "fraction": lambda: named("d") % 1,
    "shift": lambda: F.shiftright(named("l"), 52) + F.shiftrightunsigned(named("l"), 1),
    "less": lambda: named("d") < named("f"),
    "equal": lambda: (named("d") == named("d")) & (named("s") == "a"),
    "greater": lambda: (named("d") > F.lit(1.5)) | named("b"),
    "not": lambda: ~named("b"),
    "least": lambda: F.least(named("l"), named("i").cast("long")),
    "greatest": lambda: F.greatest(named("i"), F.lit(5)),
    "coalesce": lambda: F.coalesce(named("i").cast("long"), named("l"), F.lit(0)),
    "nanvl": lambda: F.nanvl(named("d"), F.lit(None).cast("double")),
    "when": lambda: F.when(named("i") > 0, "up").when(named("i") < 0, "down").otherwise(named("s")),
    "in": lambda: named("s").isin("a", "é"),
    "between": lambda: named("i").between(-5, 5),
    "double to long": lambda: named("d").cast("long"),
    "double to int": lambda: named("d").cast("int"),
    "long to double": lambda: named("l").cast("double"),
    "long to int": lambda: named("l").cast("int"),
    "text to double": lambda: named("s").cast("double"),
    "text to flag": lambda: named("s").cast("boolean"),
    "number text": lambda: F.number_text(named("d")),
    "float text": lambda: F.number_text(named("f")),
    "long text": lambda: named("l").cast("string"),
    "flag text": lambda: named("b").cast("string"),
    "time text": lambda: named("t").cast("string"),
    "day text": lambda: named("y").cast("string"),
    "decimal text": lambda: named("m").cast("string"),
    "decimal to double": lambda: named("m").cast("double"),
    "time to double": lambda: named("t").cast("double"),
    "time to day": lambda: named("t").cast("date"),
    "day to time": lambda: named("y").cast("timestamp"),
    "parts of times": lambda: F.year(named("t")) * 10_000 + F.hour(named("t")) * 100 + F.minute(named("t")),
    "microseconds": lambda: F.unix_micros(named("t")) + F.unix_date(named("y")),
    "length": lambda: F.length(named("s")) + F.length(named("s").cast("binary")),
    "concat": lambda: F.concat(named("s"), F.lit("-"), named("i").cast("string")),
    "concat with separator": lambda: F.concat_ws("|", named("s"), named("i").cast("string")),
    "lower and trim": lambda: F.lower(F.trim(named("s"))),
    "translate": lambda: F.translate(named("s"), "aé ", "b"),
    "pattern": lambda: named("s").rlike("^[a-z]$"),
    "part of text": lambda: named("s").substr(2, 3),
    "padded": lambda: F.lpad(F.hex(named("l")), 16, "0"),
    "digest": lambda: F.md5(named("s").cast("binary")),
    "normal form": lambda: F.nfc(named("s")),
    "rounded": lambda: F.round(named("i") / 7, 0),
    "ceiling": lambda: F.ceil(named("i") / 7) + F.floor(named("i") / 7),
    "array": lambda: F.array(named("i"), F.lit(3)),
    "place": lambda: F.get(named("a"), F.lit(1)),
    "size": lambda: F.size(named("a")),
    "sorted": lambda: F.array_sort(F.array_distinct(named("a"))),
    "filtered": lambda: F.filter(named("a"), lambda text: text.isNotNull() & (text != "a")),
    "transformed": lambda: F.transform(named("a"), lambda text: F.concat(text, F.lit("!"))),
    "position": lambda: F.call_function("array_position", named("a"), named("s")),
    "joined": lambda: F.concat_ws(",", named("a")),
    "json": lambda: F.to_json(F.struct("i", "s", "b", "a")),
    "json with nulls": lambda: F.to_json(F.struct("i", "s", named("y").alias("day")), {"ignoreNullFields": "false"}),
    "place in a window": lambda: F.row_number().over(
        Window.partitionBy("b").orderBy(F.desc("d"), "s", named("l").desc_nulls_last(), "i", "f", "t", "y", "m", "id")
    ),
    "count in a window": lambda: F.count(named("i")).over(Window.partitionBy("b", "s")),
    "largest in a window": lambda: F.max(named("d")).over(Window.partitionBy("b")),
}
AGGREGATES: dict[str, Callable[[], Column]] = {
    "rows": lambda: F.count("*"),
    "count": lambda: F.count(named("i")),
    "sum": lambda: F.sum(named("i")),
    "sum of decimals": lambda: F.sum(named("m")),
    "sum of longs": lambda: F.sum(named("l")),
    "least day": lambda: F.min(named("y")),
    "greatest decimal": lambda: F.max(named("m")),
    "greatest flag": lambda: F.max(named("b")),
    "least long": lambda: F.min(named("l")),
    "mean": lambda: F.avg(named("i")),
    "least": lambda: F.min(named("d")),
    "greatest": lambda: F.max(named("d")),
    "first text": lambda: F.min(named("s")),
    "last time": lambda: F.max(named("t")),
    "least struct": lambda: F.min(F.struct("s", "i", "d")),
    "differ": lambda: F.coalesce(F.min(named("l")) < F.max(named("l")), F.lit(False)),
    "distinct": lambda: F.countDistinct(named("d")),
    "set": lambda: F.array_sort(F.collect_set(named("s"))),
    "list": lambda: F.to_json(F.sort_array(F.collect_list(F.struct("s", "i")))),
    # Of zeros it is chance which of the two comes first, in Spark.
    "quantiles": lambda: F.transform(
        F.percentile(F.when(F.abs(named("d")) < 1e300, named("d")), [0.25, 0.5, 0.9]), lambda value: value + 0.0
    ),
    "conditional": lambda: F.sum(F.when(named("b"), 1).otherwise(0)),
}


def plain(value: Any) -> Any:
    """Return a value that equals another one if it is the same, NaN and -0.0 included."""
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else (value, math.copysign(1, value))
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value))
    return bytes(value) if isinstance(value, bytearray) else value


def both(spark: SparkSession, rows: list[tuple], make: Callable[[Any], Any]) -> tuple[list, list]:
    """Return what both engines make of the same rows, each as a sorted list of plain rows."""
    schema = T.StructType([T.StructField("id", T.IntegerType()), *SCHEMA.fields])
    numbered = [(at, *row) for at, row in enumerate(rows)]
    of_spark, own = (make(session.createDataFrame(numbered, schema)) for session in (spark, one_machine()))
    assert own.schema.simpleString() == of_spark.schema.simpleString()
    found = [[plain(list(row)) for row in frame.collect()] for frame in (of_spark, own)]
    return tuple(sorted(lines, key=repr) for lines in found)  # type: ignore[return-value]


MANY = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def test_one_machine_evaluates_every_function_that_stages_may_use() -> None:
    assert evaluated() == KNOWN


@MANY
@given(rows=st.lists(ROW, max_size=30))
def test_expressions(spark: SparkSession, rows: list[tuple]) -> None:
    columns = [make().alias(name) for name, make in EXPRESSIONS.items()]
    of_spark, own = both(spark, rows, lambda frame: frame.select("id", *columns))
    for theirs, ours in zip(of_spark, own, strict=True):
        for name, one, two in zip(["id", *EXPRESSIONS], theirs, ours, strict=True):
            assert two == one, name


@pytest.mark.parametrize("keys", [(), ("b",), ("s", "d"), ("t", "y", "m")])
@MANY
@given(rows=st.lists(ROW, max_size=30))
def test_aggregates(spark: SparkSession, keys: tuple[str, ...], rows: list[tuple]) -> None:
    columns = [make().alias(name) for name, make in AGGREGATES.items()]
    of_spark, own = both(spark, rows, lambda frame: frame.groupBy(*keys).agg(*columns) if keys else frame.agg(*columns))
    for theirs, ours in zip(of_spark, own, strict=True):
        for name, one, two in zip([*keys, *AGGREGATES], theirs, ours, strict=True):
            assert two == one, name


@pytest.mark.parametrize("how", ["inner", "left", "left_semi"])
@pytest.mark.parametrize("keys", [["s"], ["b", "d"], ["l", "t"]])
@MANY
@given(rows=st.lists(ROW, min_size=2, max_size=20))
def test_joins(spark: SparkSession, how: str, keys: list[str], rows: list[tuple]) -> None:
    def make(frame: Any) -> Any:
        other = frame.where(named("id") % 2 == 0).select(*keys, (named("id") + 1).alias("other"))
        return frame.select("id", *keys).join(other, keys, how)

    of_spark, own = both(spark, rows, make)
    assert own == of_spark


NUMBERS = """1|+1|-1|1.|.5|1e3|1E-3|1d|2.5F|0x1p3|NaN|nan|-NaN|inf|-Infinity|+inf|infinity|1,5|1_000|
 1 |\t2\n|--1|1e|e1|
1e400|-1e-400|007|0x10|\u0661|1 2|9223372036854775807|9223372036854775808|-9223372036854775808|12.9|-0.0|1e0d|true|T|
yes|N|0|off|1L|12345678901234567890123456789|.|+|-.5e1f""".replace("\n", "").split("|")
MOMENTS = """2024-01-02|2024-1-2|2024|2024-05|2024-01-02 03:04|2024-01-02 03:04:05|2024-01-02T03:04:05.123456789Z|
2024-01-02 03:04:05.1|2024-01-02 03:04:05+02:00|2024-01-02 03:04:05 UTC|2024-01-02 03:04:05 Europe/Berlin|
1969-12-31 23:59:59.999999|2024-02-30|2024-13-01|2024-01-02 24:00:00|2024-01-02T|20240102| 2024-01-02 |0001-01-01|
9999-12-31 23:59:59|24-01-02|2024-01-02 3:4:5|2024-01-02 03:04:05.|2024-01-02 03:04:05-18:00|now|2024-01-02x
|2024-07-01 12:00:00 America/New_York|2024-01-02 03:04:05Z""".replace("\n", "").split("|")


@pytest.mark.parametrize("kind", ["double", "float", "bigint", "int", "boolean", "decimal(38,0)", "decimal(10,2)"])
def test_texts_are_the_same_numbers(spark: SparkSession, kind: str) -> None:
    same_casts(spark, NUMBERS, kind)


@pytest.mark.parametrize("kind", ["timestamp", "date"])
def test_texts_are_the_same_times(spark: SparkSession, kind: str) -> None:
    same_casts(spark, MOMENTS, kind)


def same_casts(spark: SparkSession, texts: list[str], kind: str) -> None:
    found = []
    for session in (spark, one_machine()):
        frame = session.createDataFrame([(text,) for text in texts], "x string")
        cast = named("x").cast(kind)
        shown = F.unix_micros(cast) if kind == "timestamp" else F.unix_date(cast) if kind == "date" else cast
        found.append({row["x"]: plain(row["y"]) for row in frame.select("x", shown.alias("y")).collect()})
    assert found[1] == found[0]


CSVS = {
    "plain": "a,b,c\n1,x,2.5\n2,,3\n3,z,\n",
    "quotes": 'a,b\n1,"x, y"\n2,"say ""so"""\n3,""\n4,"two\nlines"\n',
    "escaped quotes": 'a,b\n1,"x \\"y\\" z"\n2,"p, \\"q\\""\n3,"back\\slash"\n',
    "rows too short and too long": "a,b,c\n1,x,2\n2\n3,y,4,5,6\n4,z,5\n",
    "semicolons and commas": "a;b\n1,5;x\n2,25;y\n1.234,5;z\n",
    "thousands and money": 'a,b,c\n"1,234.50",$5,12%\n"2,000",$7.25,3%\n',
    "days": "a,b,c\n31/12/2023,2024-01-02,2024-01-02 03:04:05\n01/02/2024,2024-01-03,2024-01-02T03:04:05.25Z\n",
    "codes": "zip,phone\n02139,0015\n10001,0016\n",
    "missing": "a,b,c\nNA,x,1\n2,null,NaN\n3,n/a,?\n",
    "comments and blank lines": "# about\na,b\n\n1,x\n\n2,y\n",
    "names twice and none": "a,a,,b\n1,2,3,4\n5,6,7,8\n",
    "only a header": "a,b\n",
    "one column": "a\n1\n2\n",
    "spaces": " a , b \n 1 , x \n 2 ,y\n",
    "windows": "a,b\r\n1,x\r\n2,y\r\n",
    "large": "a,b\n99999999999999999999,1e400\n1,-1e-400\n",
    "flags": "a,b\ntrue,yes\nfalse,no\nTRUE,yes\n",
}


@pytest.mark.parametrize("name", CSVS)
def test_csv_files(spark: SparkSession, tmp_path: Path, name: str) -> None:
    (tmp_path / "table.csv").write_text(CSVS[name], newline="")
    same_files(spark, str(tmp_path / "table.csv"))


JSONS = {
    "lines": '{"a": 1, "b": "x"}\n{"b": null, "c": 2.5}\n',
    "array": '[{"a": 1, "t": "2024-01-02"}, {"a": 2, "t": "2024-01-03"}]',
    "mixed": '{"a": 1}\n{"a": "x"}\n{"a": 2.5}\n{"a": true}\n',
    "nested": '{"a": {"x": 1, "y": [1, 2]}, "b": [1.5]}\n{"a": {"z": "q"}, "b": []}\n',
    "broken": '{"a": 1}\n{"a": \n{"a": 3}\n',
    "large": '{"a": 99999999999999999999, "b": 1e3}\n{"a": 1, "b": 2}\n',
    "nothing": '{"a": null, "b": 1}\n{"a": null, "b": 2}\n',
}


@pytest.mark.parametrize("name", JSONS)
def test_json_files(spark: SparkSession, tmp_path: Path, name: str) -> None:
    (tmp_path / "table.json").write_text(JSONS[name])
    same_files(spark, str(tmp_path / "table.json"))


def test_parquet_files_of_other_tools(spark: SparkSession, tmp_path: Path) -> None:
    micros = [-1, 0, 1_700_000_000_123_456, None]
    table = pa.table(
        {
            "u8": pa.array([0, 255, 7, None], pa.uint8()),
            "u32": pa.array([0, 2**32 - 1, 7, None], pa.uint32()),
            "u64": pa.array([0, 2**64 - 1, 7, None], pa.uint64()),
            "ns": pa.array([None if m is None else m * 1_000 + 1 for m in micros], pa.timestamp("ns", "UTC")),
            "local": pa.array(micros, pa.timestamp("us")),
            "ms": pa.array([-1, 0, 5, None], pa.timestamp("ms", "UTC")),
            "dictionary": pa.array(["a", "b", "a", None]).dictionary_encode(),
            "wide": pa.array(["a", "b", "a", None], pa.large_string()),
            "bytes": pa.array([b"a", b"", b"b", None]),
            "fixed": pa.array([b"ab", b"cd", b"ef", None], pa.binary(2)),
            "money": pa.array([Decimal("1.50"), Decimal("-2.25"), Decimal(0), None], pa.decimal128(9, 2)),
            "day": pa.array([0, -1, 19_000, None], pa.date32()),
            "list": pa.array([[1], [], None, [2, 3]], pa.list_(pa.int32())),
            "nothing": pa.nulls(4),
        }
    )
    for year in (2023, 2024):
        (tmp_path / "t" / f"year={year}").mkdir(parents=True)
        pq.write_table(table, tmp_path / "t" / f"year={year}" / "part.parquet")
    same_files(spark, str(tmp_path / "t"))


def same_files(spark: SparkSession, path: str) -> None:
    of_spark, own = (rows_in(session, path) for session in (spark, one_machine()))
    assert own == of_spark


def rows_in(session: Any, path: str) -> Any:
    """Return types and rows of a file, or that it is refused."""
    try:
        frame = read_path(session, path)
        return frame.schema.simpleString(), sorted((plain(list(row)) for row in frame.collect()), key=repr)
    except TableError:
        return "refused"
