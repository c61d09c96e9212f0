"""A prediction is a value of the label: of its type, spelt as the table spells it."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pyspark.sql import SparkSession

from sparring.config.schema import FeaturesConfig, TableConfig
from sparring.data.ingest import open_table
from sparring.inference.decision import predicted_column
from sparring.task import Target


@pytest.mark.parametrize(
    ("kind", "values", "positive"),
    [
        ("string", ("'no'", "'yes'"), None),
        ("string", ("' spelt, \"so\"'", "'É'"), None),
        ("boolean", ("false", "true"), None),
        ("boolean", ("false", "true"), False),
        ("int", ("1", "2"), 1),
        ("bigint", ("-9000000000000000001", "9000000000000000000"), None),
        ("double", ("-1.5", "0.1"), None),
        ("float", ("0.1", "0.7"), None),
        ("decimal(3,2)", ("0.10", "1.50"), "0.10"),
    ],
)
def test_predictions_are_the_labels_own_values_and_a_tie_is_positive(
    spark: SparkSession, tmp_path: Path, kind: str, values: tuple[str, str], positive: object
) -> None:
    rows = spark.range(4).selectExpr(f"cast(if(id % 2 = 0, {values[0]}, {values[1]}) as {kind}) y", "id x")
    rows.write.parquet(str(tmp_path / "t"))
    table = TableConfig(path=str(tmp_path / "t"), label="y", positive=positive, features=FeaturesConfig(numeric=["x"]))
    opened = open_table(spark, table)
    positives = opened.rows.where("sparring__label = 1")
    manifest = SimpleNamespace(target=Target.from_dict(opened.target.to_dict()), threshold=0.3)
    scores = spark.sql("select explode(array(0.3D, 0.29999999999999993D, 1D, null)) p")
    predicted = scores.select(predicted_column(manifest, scores.p).alias("y"))
    assert predicted.schema["y"].dataType == rows.schema["y"].dataType
    low, high = (spark.sql(f"select cast({value} as {kind})").first()[0] for value in values)
    yes = positives.select("y").distinct().first()[0]
    no = low if yes == high else high
    assert [row.y for row in predicted.collect()] == [yes, no, yes, None]


@pytest.mark.parametrize(
    ("kind", "values"),
    [("string", ["a", 'b "c"', "é"]), ("int", [-1, 2, 7]), ("double", [0.1, 0.5, 2.5]), ("boolean", [False, True])],
)
def test_codes_and_values_are_each_others_inverse(spark: SparkSession, kind: str, values: list) -> None:
    target = Target.of(values, kind)
    rows = spark.createDataFrame([(value,) for value in [*values, None]], f"y {kind}")
    coded = rows.withColumn("code", target.encoded(rows.y))
    assert [row.code for row in coded.collect()] == [*map(float, range(len(values))), None]
    assert [row.back for row in coded.select(target.named(coded.code).alias("back")).collect()] == [*values, None]
    assert target.decoded(np.arange(len(values))).to_pylist() == values


def test_of_several_classes_the_likeliest_is_predicted_and_the_first_of_equals(spark: SparkSession) -> None:
    manifest = SimpleNamespace(target=Target("string", ("a", "b", "c")), threshold=None)
    rows = spark.createDataFrame(
        [([0.2, 0.5, 0.3],), ([0.4, 0.2, 0.4],), ([0.1, 0.1, 0.8],), (None,)], "p array<double>"
    )
    assert [row.y for row in rows.select(predicted_column(manifest, rows.p).alias("y")).collect()] == [
        "b",
        "a",
        "c",
        None,
    ]
