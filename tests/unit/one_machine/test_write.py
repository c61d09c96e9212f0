"""What one machine writes: Spark's own schema goes with it."""

from pathlib import Path

from pyspark.sql import SparkSession

from sparring.engine import functions as F
from sparring.one_machine.choice import one_machine


def test_types_and_what_is_known_of_a_column_are_read_back_by_both(spark: SparkSession, tmp_path: Path) -> None:
    machine = one_machine()
    rows = machine.createDataFrame([(1, "a", None), (2, "b", 0.5)], "x int, part string, y double")
    told = rows.select(F.col("x").cast("double").alias("x", metadata={"sparring.type": "int"}), "part", "y")
    told.where(F.col("x") > 0).write.mode("overwrite").partitionBy("part").parquet(str(tmp_path / "t"))
    for session in (machine, spark):
        found = session.read.parquet(str(tmp_path / "t"))
        assert found.schema["x"].metadata == {"sparring.type": "int"}
        assert {field.name: field.dataType.simpleString() for field in found.schema.fields} == {
            "x": "double",
            "y": "double",
            "part": "string",
        }
