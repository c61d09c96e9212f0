"""Local sessions run their Python tasks on Sparring's daemon, and everything that Spark's own could do still works."""

from __future__ import annotations

import gc
import importlib
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from zipimport import zipimporter

import pyarrow as pa
import pytest
from pyspark import daemon
from pyspark.sql import SparkSession

from sparring.spark import workers


def in_workers(spark: SparkSession, work, kind: str) -> list:
    """Return what ``work`` returns in each of four tasks."""

    def told(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        list(batches)
        yield pa.RecordBatch.from_arrays([pa.array([work()])], ["found"])

    return [row[0] for row in spark.range(4).repartition(4).mapInArrow(told, f"found {kind}").collect()]


def test_workers_are_sparrings_and_count_their_libraries_as_no_garbage(spark: SparkSession) -> None:
    def described() -> str:
        return f"{sys.modules['__main__'].__spec__.name} {gc.get_freeze_count() > 10_000}"

    in_workers(spark, described, "string")
    # Workers end after a while without work: a new one is frozen after its first task.
    assert "sparring.spark.workers True" in in_workers(spark, described, "string")


def test_an_archive_that_is_added_later_is_found(spark: SparkSession, tmp_path: Path) -> None:
    in_workers(spark, lambda: 1, "long")
    for name in ("first", "second"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr(f"late_{name}.py", f"NAME = '{name}'")
        spark.sparkContext.addPyFile(str(tmp_path / f"{name}.zip"))
        found = in_workers(spark, lambda name=name: importlib.import_module(f"late_{name}").NAME, "string")
        assert found == [name] * 4


def test_a_worker_that_fails_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipimporter, "invalidate_caches", zipimporter.invalidate_caches)
    monkeypatch.setattr(daemon, "worker", lambda socket, authenticated: 7)
    frozen = gc.get_freeze_count()
    workers.patch_daemon()
    try:
        assert daemon.worker(None, True) == 7
        assert gc.get_freeze_count() == frozen
        assert daemon.worker(None, False) == 7
        assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
