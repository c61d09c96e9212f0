"""One value, one fold: whatever type holds a key, a group or a class, and wherever the table is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as OfSpark

from sparring import model_selection as ms
from sparring.engine import functions as F
from sparring.errors import SchemaError
from sparring.model_selection.hash_order import seeded_hash
from sparring.model_selection.values import value_hash, value_text
from sparring.spark.reserved import named

ROWS = 40
OLD = Path(__file__).parent / "data" / "assignments_v1.csv"

# What Spark reads, as SQL of a whole number ``n``; which pandas dtypes hold the same, by name, made from Arrow.
KEYS = {
    "tinyint": "cast(n as tinyint)",
    "smallint": "cast(n as smallint)",
    "int": "cast(n as int)",
    "bigint": "n",
    "large": "n * 100000000000 - 7",
    "string": "concat('k', n)",
    "date": "date_add(date'1890-01-01', cast(n * 900 as int))",
    "timestamp": "timestamp_micros(n * 86400000123 - 5)",
    "timestamp_ntz": "cast(timestamp_micros(n * 86400000123 - 5) as timestamp_ntz)",
    "decimal(12,2)": "cast(n * 1.25 as decimal(12,2))",
    "decimal(38,10)": "cast(n * -12345678901234567.0000000001 as decimal(38,10))",
    "unsigned": "cast(n as decimal(20,0)) + 18446744073709551000",
    "double": "n / 8.0D",
    "float": "cast(n / 8.0D as float)",
    "binary": "cast(concat('k', n) as binary)",
}
ARROW = {"unsigned": pa.uint64(), "tinyint": pa.int8(), "smallint": pa.int16(), "int": pa.int32()}
STAGES = {
    "KFold": lambda key: ms.KFold(keyCols=key),
    "StratifiedKFold": lambda key: ms.StratifiedKFold(keyCols=key, stratifyCols=["label"]),
    "RepeatedStratifiedKFold": lambda key: ms.RepeatedStratifiedKFold(
        keyCols=key, stratifyCols=["label"], numFolds=2, numRepeats=2
    ),
    "MultilabelStratifiedKFold": lambda key: ms.MultilabelStratifiedKFold(keyCols=key, labelCols=["red"]),
    "GroupKFold": lambda key: ms.GroupKFold(keyCols=["at"], groupCols=key),
    "StratifiedGroupKFold": lambda key: ms.StratifiedGroupKFold(
        keyCols=["at"], groupCols=key, stratifyCols=["label"], numFolds=3
    ),
    "LeaveOneOut": lambda key: ms.LeaveOneOut(keyCols=key),
    "LeaveOneGroupOut": lambda key: ms.LeaveOneGroupOut(keyCols=["at"], groupCols=key),
    "StratifiedSplitter": lambda key: ms.StratifiedSplitter(keyCols=key, stratifyCols=["label"]),
    "GroupSplitter": lambda key: ms.GroupSplitter(keyCols=["at"], groupCols=key),
    "StratifiedGroupSplitter": lambda key: ms.StratifiedGroupSplitter(
        keyCols=["at"], groupCols=key, stratifyCols=["label"], strict=False
    ),
}


def table(spark: SparkSession, sql: str) -> DataFrame:
    n = "cast(id as bigint) n"
    return (
        spark.range(ROWS)
        .selectExpr(n)
        .selectExpr(
            "cast(n as int) at",
            f"{sql} key",
            "cast(n % 3 as int) other",
            "cast(n % 5 = 0 as int) label",
            "n % 7 = 0 red",
        )
    )


def in_memory(rows: DataFrame, kind: str) -> dict[str, Any]:
    """Return the same table in pandas of three kinds and in Arrow, shuffled."""
    values = {name: [row[name] for row in rows.collect()] for name in rows.columns}
    values["key"] = [bytes(value) if isinstance(value, bytearray) else value for value in values["key"]]
    arrays = {name: pa.array(column) for name, column in values.items()}
    if kind in ARROW:
        arrays["key"] = pa.array([int(value) for value in values["key"]], ARROW[kind])
    shuffled = pa.table(arrays).take(np.random.default_rng(1).permutation(ROWS))
    return {
        "NumPy types": shuffled.to_pandas(),
        "nullable types": shuffled.to_pandas().convert_dtypes(),
        "Arrow-backed": shuffled.to_pandas(types_mapper=pd.ArrowDtype),
        "Arrow": shuffled,
    }


def folds_of_spark(stage: Any, rows: DataFrame) -> list[set[int]]:
    assigned = stage.transform(rows).toPandas()
    roles = stage.roles(lambda name: assigned[name], stage.fold_count(assigned))
    return [set(assigned["at"][test]) for _, test in roles]


def folds_in_memory(stage: Any, held: Any) -> list[set[int]]:
    at = np.asarray(held["at"] if isinstance(held, pd.DataFrame) else held.column("at"))
    return [{int(one) for one in at[test]} for _, test in stage.as_sklearn().split(held)]


@pytest.mark.spark_only
@pytest.mark.parametrize("kind", KEYS)
def test_rows_have_one_fold_whatever_holds_their_key(spark: SparkSession, kind: str) -> None:
    rows = table(spark, KEYS[kind]).cache()
    stage = ms.StratifiedKFold(keyCols=["key"], stratifyCols=["label"], numFolds=3)
    expected = folds_of_spark(stage, rows)
    for name, held in in_memory(rows, kind).items():
        assert folds_in_memory(stage, held) == expected, name
    rows.unpersist()


@pytest.mark.spark_only
@pytest.mark.parametrize("maker", STAGES)
def test_every_fold_maker_gives_what_it_gives_spark(spark: SparkSession, maker: str) -> None:
    rows = table(spark, "cast(n % 20 as int)" if "Group" in maker else "cast(n as int)").cache()
    stage = STAGES[maker](["key"])
    expected = folds_of_spark(stage, rows)
    for name, held in in_memory(rows, "int").items():
        assert folds_in_memory(stage, held) == expected, name
    rows.unpersist()


@pytest.mark.spark_only
def test_composite_keys_groups_that_are_missing_and_categories(spark: SparkSession) -> None:
    rows = table(spark, "case when n % 6 = 0 then null else cast(n % 17 as int) end").cache()
    stage = ms.StratifiedGroupKFold(keyCols=["at", "label"], groupCols=["key"], stratifyCols=["label"], strict=False)
    expected = folds_of_spark(stage, rows)
    held = in_memory(rows, "bigint")
    # Integers with a gap are floats in pandas.
    assert held["NumPy types"]["key"].dtype == np.float64
    held["categories"] = held["nullable types"].astype({"key": "category", "label": "category"})
    held["objects"] = held["nullable types"].astype(object)
    for name, frame in held.items():
        assert folds_in_memory(stage, frame) == expected, name


@pytest.mark.spark_only
def test_time_folds_take_times_dates_and_integers_with_a_gap(spark: SparkSession) -> None:
    for kind in ("timestamp_ntz", "int"):
        rows = table(spark, KEYS[kind]).withColumn("key", F.when(F.col("at") != 9, F.col("key"))).cache()
        stage = ms.TimeSeriesSplit(timeCol="key", numFolds=3)
        expected = folds_of_spark(stage, rows)
        for name, held in in_memory(rows, "bigint").items():
            assert folds_in_memory(stage, held) == expected, (kind, name)


SAME = [
    ("5", ["cast(5 as tinyint)", "5S", "5", "5L", "5.0D", "cast(5 as float)", "cast(5 as decimal(20,0))", "5.000BD"]),
    ("-1.5", ["-1.5BD", "cast(-1.5 as decimal(38,18))", "cast(-1.5 as decimal(38,37))"]),
    ("0.0000005", ["0.0000005BD", "cast(0.0000005 as decimal(38,38))"]),
    ("0", ["0", "0.0D", "-0.0D", "0.00BD", "cast(0 as decimal(38,38))"]),
    ("0.1", ["0.1D"]),
    ("18446744073709551615", ["18446744073709551615BD", "cast(18446744073709551615 as decimal(38,10))"]),
    (None, ["cast(null as int)", "double('NaN')", "float('NaN')", "cast(null as decimal(5,2))", "cast(null as date)"]),
    (
        "2024-01-02 00:00:00",
        ["date'2024-01-02'", "timestamp'2024-01-02'", "timestamp_ntz'2024-01-02'"],
    ),
    ("true", ["true"]),
    ("Infinity", ["double('Infinity')", "float('Infinity')"]),
]


@pytest.mark.spark_only
def test_values_are_one_whatever_the_type_and_others_are_not(spark_conf: SparkSession) -> None:
    ansi = spark_conf.conf.get("spark.sql.ansi.enabled")
    try:
        for mode in ("true", "false"):
            spark_conf.conf.set("spark.sql.ansi.enabled", mode)
            hashes, texts = [], []
            for _, sqls in SAME:
                row = spark_conf.range(1).selectExpr(*[f"{sql} as c{at}" for at, sql in enumerate(sqls)])
                kinds = {name: row.schema[name].dataType for name in row.columns}
                columns = [value_hash([name], row.schema) for name in row.columns]
                columns += [value_text(F.col(name), kind) for name, kind in kinds.items()]
                found = list(row.select(*columns).first())
                hashes.append(set(found[: len(sqls)]))
                texts.append(set(found[len(sqls) :]))
            assert texts == [{text} for text, _ in SAME]
            assert [len(some) for some in hashes] == [1] * len(SAME)
            assert len(set.union(*hashes)) == len(SAME)
    finally:
        spark_conf.conf.set("spark.sql.ansi.enabled", ansi)


@pytest.mark.spark_only
@pytest.mark.parametrize("seed", [0, 42, 2**31 - 1, 2**31, 2**40, -1])
def test_a_seed_is_a_value_of_64_bits(spark: SparkSession, seed: int) -> None:
    row = spark.range(1).select(seeded_hash(seed, F.lit("a")), OfSpark.expr(f"xxhash64(bigint('{seed}'), 'a')")).first()
    assert row[0] == row[1]


@pytest.mark.parametrize("key", [["id"], ["carrier", "day"]])
def test_an_assignment_of_the_first_version_is_kept(spark: SparkSession, key: list[str]) -> None:
    old = pd.read_csv(OLD)
    now = pd.concat([old, old.assign(id=old["id"] + 120, g=old["g"] + 40, day="2025-01-01")], ignore_index=True)
    now.loc[120:, "carrier"] = [f"d{at}" for at in range(120)]
    output = "split" if key == ["id"] else "fold"
    rows = spark.createDataFrame(now[["id", "carrier", "day", "g", "label"]]).withColumn("day", F.to_date("day"))
    rows = rows.withColumn("id", F.col("id").cast("int"))
    if output == "split":
        stage: Any = ms.StratifiedSplitter(keyCols=key, stratifyCols=["label"])
    else:
        stage = ms.StratifiedGroupKFold(keyCols=key, stratifyCols=["label"], groupCols=["g"], numFolds=3)
    # As a file gives it back: wider integers, and dates as times.
    previous = spark.createDataFrame(old[[*key, output]])
    if "day" in key:
        previous = previous.withColumn("day", F.to_timestamp("day"))
    grown = stage.assign_new(rows, previous)
    assert grown.report() == {"old": 120, "joined": 0, "fresh": 120, "quarantined": 0, "conflicting_splits": {}}
    after = grown.rows.where(named("id") < 120).orderBy("id").toPandas()
    assert after[output].tolist() == old[output].tolist()


def test_the_first_version_decided_otherwise(spark: SparkSession) -> None:
    old = pd.read_csv(OLD)
    rows = spark.createDataFrame(old[["id", "label"]]).withColumn("id", F.col("id").cast("int"))
    now = ms.StratifiedSplitter(keyCols=["id"], stratifyCols=["label"]).transform(rows).orderBy("id").toPandas()
    assert now["split"].tolist() != old["split"].tolist()
    assert now["split"].value_counts().to_dict() == old["split"].value_counts().to_dict()


def test_what_no_key_can_be_is_refused_by_name() -> None:
    frame = pd.DataFrame({"id": [1, "a", 2.5], "g": pd.to_timedelta([1, 2, 3], "s")})
    with pytest.raises(SchemaError, match="KFold: column 'id' must hold values of one type"):
        next(ms.KFold(keyCols=["id"]).as_sklearn().split(frame))
    with pytest.raises(SchemaError, match="GroupKFold: column 'g' is of type duration"):
        next(ms.GroupKFold(groupCols=["g"]).as_sklearn().split(frame))


def test_integers_of_python_of_any_size_are_keys(spark: SparkSession) -> None:
    values = [2**64 + at for at in range(12)]
    rows = spark.createDataFrame([(Decimal(one), at) for at, one in enumerate(values)], "key decimal(38,0), at int")
    stage = ms.KFold(keyCols=["key"], numFolds=3)
    frame = pd.DataFrame({"key": pd.Series(values, dtype=object), "at": range(12)})
    assert folds_in_memory(stage, frame) == folds_of_spark(stage, rows)
