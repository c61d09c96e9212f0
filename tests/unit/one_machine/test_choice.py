"""Which engine is taken, and why."""

import gzip
from pathlib import Path

import pandas as pd
import psutil
import pytest

from sparring.errors import ConfigError, PlatformError
from sparring.one_machine import choice, memory
from sparring.one_machine.choice import ENGINES, ONE_MACHINE, SPARK, Source, engine_for, memory_for
from sparring.run.failure import as_known


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No session of Spark is there, whatever other tests have started."""
    monkeypatch.setattr(choice, "active_session", lambda: None)


@pytest.fixture
def table(tmp_path: Path) -> str:
    pd.DataFrame({"x": range(1_000), "y": "a"}).to_parquet(tmp_path / "t.parquet")
    return str(tmp_path / "t.parquet")


@pytest.mark.usefixtures("alone")
def test_a_small_table_needs_no_spark(table: str) -> None:
    assert engine_for("auto", [Source(table)]).name == ONE_MACHINE
    assert engine_for("auto", [Source("")]).name == ONE_MACHINE


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (Source("hdfs://nowhere/t.parquet"), "only Spark can look"),
        (Source("TABLE", "csv", {"lineSep": "|"}), "option lineSep"),
        (Source("TABLE", "parquet", {"mergeSchema": "true"}), "option mergeSchema"),
    ],
)
def test_what_only_spark_reads_goes_to_spark(table: str, source: Source, reason: str) -> None:
    found = engine_for("auto", [source._replace(path=source.path.replace("TABLE", table))])
    assert found.name == SPARK
    assert reason in found.reason


@pytest.mark.usefixtures("alone")
def test_what_may_not_fit_goes_to_spark(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Little:
        total = 2 * memory_for(Source(table)) - 1

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    assert engine_for("auto", [Source(table)]).name == SPARK
    Little.total += 1
    assert engine_for("auto", [Source(table)]).name == ONE_MACHINE


@pytest.mark.parametrize(("text", "limited"), [("1000\n", True), ("max\n", False)])
def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, limited: bool) -> None:
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(memory, "LIMITS", (tmp_path / "memory.max", tmp_path / "absent"))
    assert memory.own_memory() == (1_000 if limited else psutil.virtual_memory().total)


def test_files_that_are_packed_well_are_taken_for_what_they_hold(tmp_path: Path, table: str) -> None:
    pd.DataFrame({"x": 1, "y": "a"}, index=range(100_000)).to_parquet(tmp_path / "same.parquet")
    assert memory_for(Source(str(tmp_path / "same.parquet"))) >= 100 * 100_000 * 2
    text = pd.DataFrame({"x": range(10_000), "y": "a word"}).to_csv(index=False).encode()
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text))
    assert memory_for(Source(str(tmp_path / "t.csv.gz"))) > 10 * len(text)


def test_a_session_of_spark_that_is_there_is_used(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "active_session", lambda: object())
    assert engine_for("auto", [Source(table)]) == (SPARK, "a session of Spark is there")
    assert engine_for("one_machine", [Source(table)]).name == ONE_MACHINE


def test_another_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigError, match=", ".join(ENGINES)):
        engine_for("duckdb", [])


def test_memory_that_does_not_do_is_told_in_a_sentence() -> None:
    assert isinstance(as_known(MemoryError()), PlatformError)
    assert "engine to spark" in str(as_known(MemoryError()))
