"""A few faults of each kind through the benchmark's harness; the whole catalogue is run by ``benchmarks/faults.py``."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

FOLDER = Path(__file__).parents[2] / "benchmarks"
CHOSEN = (
    "s3-put-500-once",
    "create-job-denied",
    "create-config-denied",
    "invoke-throttled-once",
    "answer-one-row-short",
    "transform-record-refused",
)


@pytest.fixture(scope="module")
def faults() -> Any:
    """The benchmark as a module; its neighbour ``pages`` is found beside it."""
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("benchmark_faults", FOLDER / "faults.py")
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(FOLDER))


def test_faults_end_as_the_catalogue_says(faults: Any, spark: SparkSession) -> None:
    chosen = [case for case in faults.cases(lambda name: name in CHOSEN) if case.client == "boto3"]
    assert len(chosen) == len(CHOSEN)
    outcomes = faults.run_all(spark, chosen)
    assert {outcome.fault: outcome.verdict for outcome in outcomes} == dict.fromkeys(CHOSEN, "correct")
    assert [outcome.left for outcome in outcomes] == [[]] * len(CHOSEN)


def test_a_wrong_ending_is_told(faults: Any, spark: SparkSession) -> None:
    (case,) = faults.cases(lambda name: name == "invoke-503-once")
    asked_for_more = faults.Case(case.tag, case.fault, case.during, "failed", "no such text", case.client)
    (outcome,) = faults.run_all(spark, [asked_for_more])
    assert outcome.verdict == "**wrong**: an error was due"
