"""The same rows and seed give the same bytes: partitions, order, adaptive execution, failing tasks, lines of Spark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pyspark.sql import SparkSession

from sparring.engine import functions as F
from sparring.spark.session import GATEWAY_VARIABLES

PROGRAM = Path(__file__).with_name("assignment_digest.py")
SPARK_4 = "SPARRING_SPARK4_PYTHON"
MAKE_IT = (
    f"uv venv --python 3.11 /tmp/spark4 && uv pip install --python /tmp/spark4/bin/python 'pyspark==4.0.*' "
    f"'numpy<2.4' 'pandas<3' pyarrow scipy && {SPARK_4}=/tmp/spark4/bin/python uv run pytest {PROGRAM.parent}"
)


@pytest.fixture(scope="module")
def program(script: Callable) -> ModuleType:
    module: ModuleType = script(PROGRAM)
    return module


@pytest.fixture(scope="module")
def expected(spark: SparkSession, program: ModuleType) -> dict[str, str]:
    rows = program.table(spark, 1).cache()
    return {type(stage).__name__: program.digest(stage, rows) for stage in program.stages()}


def in_another_session(python: str, *arguments: str) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key not in GATEWAY_VARIABLES}
    environment |= {"PYTHONPATH": str(Path(__file__).parents[3] / "python"), "PYSPARK_PYTHON": python}
    done = subprocess.run([python, str(PROGRAM), *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3_000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.spark_only
@pytest.mark.parametrize(("partitions", "shuffles", "adaptive"), [(7, 7, False), (200, 3, True)])
def test_it_depends_on_neither_partitions_nor_order_nor_adaptive_execution(
    spark_conf: SparkSession,
    program: ModuleType,
    expected: dict[str, str],
    partitions: int,
    shuffles: int,
    adaptive: bool,
) -> None:
    shuffled = program.table(spark_conf).orderBy(F.xxhash64("id")).toPandas()
    spark_conf.conf.set("spark.sql.shuffle.partitions", shuffles)
    spark_conf.conf.set("spark.sql.adaptive.enabled", adaptive)
    rows = spark_conf.createDataFrame(shuffled, program.table(spark_conf).schema).repartition(partitions).cache()
    chosen: list[Any] = [s for s in program.stages() if partitions < 100 or type(s).__name__ in program.RETRIED[:2]]
    assert {type(stage).__name__: program.digest(stage, rows) for stage in chosen} == {
        type(stage).__name__: expected[type(stage).__name__] for stage in chosen
    }
    rows.unpersist()


@pytest.mark.spark_only
def test_tasks_that_fail_and_are_tried_again_change_nothing(expected: dict[str, str], program: ModuleType) -> None:
    found = in_another_session(sys.executable, "fail")
    assert found == {name: expected[name] for name in program.RETRIED}


@pytest.mark.spark_only
def test_spark_4_gives_the_same_bytes(expected: dict[str, str]) -> None:
    python = os.environ.get(SPARK_4)
    if python is None:
        pytest.skip(f"{SPARK_4} names no Python with Spark 4; make one: {MAKE_IT}")
    assert in_another_session(python) == expected
