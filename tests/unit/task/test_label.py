"""A prediction is a value of the label: of its type, spelt as the table spells it."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from sparring.config.schema import FeaturesConfig, TableConfig
from sparring.data.ingest import open_table
from sparring.task.label import LabelValues


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
    found = LabelValues(**open_table(spark, table).labels.to_dict())
    positives = open_table(spark, table).rows.where("sparring__label = 1")
    scores = spark.sql("select explode(array(0.3D, 0.29999999999999993D, 1D, null)) p")
    predicted = scores.select(found.predicted(scores.p, 0.3).alias("y"))
    assert predicted.schema["y"].dataType == rows.schema["y"].dataType
    low, high = (spark.sql(f"select cast({value} as {kind})").first()[0] for value in values)
    yes = positives.select("y").distinct().first()[0]
    no = low if yes == high else high
    assert [row.y for row in predicted.collect()] == [yes, no, yes, None]
