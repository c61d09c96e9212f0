"""Columns that memory does not hold are the same columns."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sparring.config import load_config
from sparring.data.matrix import PreparedMatrix
from sparring.engine import functions as F
from sparring.one_machine import memory
from sparring.one_machine.choice import one_machine
from sparring.one_machine.memory import settled
from sparring.run.pipeline import Run

KINDS = {
    "numbers": pa.array(np.arange(1_000.0)),
    "a slice": pa.array(range(1_000)).slice(17, 500),
    "nulls": pa.array([None, 1, 2] * 100, pa.int16()),
    "texts": pa.array(["", None, "é" * 9] * 50),
    "lists": pa.array([[1, None], None, []] * 50),
    "structs": pa.array([{"a": 1, "b": "x"}, None] * 50),
    "nothing": pa.nulls(10),
}


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A process whose memory is full; the folder of its files."""
    monkeypatch.setattr(memory, "LEAST", 0)
    monkeypatch.setattr(memory.ROOM, "most", 0)
    monkeypatch.setattr(memory.ROOM, "allow", lambda most: None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path
    # A file has no name once it is mapped: nothing is left whatever happens.
    assert not list(tmp_path.glob("sparring-column-*"))


@pytest.mark.parametrize("name", KINDS)
def test_a_column_in_a_file_is_the_same(full: Path, name: str) -> None:
    before = pa.total_allocated_bytes()
    kept = settled(KINDS[name])
    assert kept.equals(KINDS[name])
    assert kept.type == KINDS[name].type
    assert pa.total_allocated_bytes() == before


def test_a_small_column_and_one_that_has_room_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    values = KINDS["numbers"]
    assert settled(values) is values
    monkeypatch.setattr(memory, "LEAST", 0)
    monkeypatch.setattr(memory.ROOM, "most", 1 << 60)
    assert settled(values) is values


def test_frames_compute_the_same(full: Path) -> None:
    rows = pa.table({"a": pa.array([1, 2, None] * 40), "b": [f"t{at % 7}" for at in range(120)]})
    frame = one_machine().createDataFrame(rows)
    joined = frame.join(frame.groupBy("b").agg(F.sum("a").alias("s")), "b", "left").where(F.col("a") > 1)
    assert joined.count() == 40
    assert {row.b: row.s for row in joined.collect()} == {
        f"t{at}": sum((1, 2, 0)[row % 3] for row in range(120) if row % 7 == at) for at in range(7)
    }


def test_a_run_makes_the_same_matrix(small_run: Path, full: Path, tmp_path: Path) -> None:
    prints = []
    for folder in ("files", "memory"):
        if folder == "memory":
            memory.ROOM.most = 1 << 60
        run = Run(load_config(str(small_run), ["engine=one_machine"]), str(tmp_path / folder))
        run.until = "prepare"
        run.execute()
        prints.append(PreparedMatrix(os.path.join(tmp_path, folder, "prepare")).encoding().fingerprints)
    assert prints[0] == prints[1]
