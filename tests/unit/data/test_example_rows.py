"""Example rows of a stage's folder, without Spark: the files are written by PyArrow."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparring.data.example_rows import (
    EXAMPLES,
    SHOWN_CHARACTERS,
    duplicate_examples,
    near_examples,
    quarantined_examples,
)

# Columns that are nested, dotted, and equal but for case.
COLUMNS = ["a.b", "A.b", "x", "x.y", "x y`z"]


def write(folder: Path, rows: list[dict[str, Any]]) -> str:
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows[: len(rows) // 2 + 1]), folder / "part-0.parquet")
    pq.write_table(pa.Table.from_pylist(rows), folder / "part-1.parquet")
    return str(folder)


def row(number: int, **more: Any) -> dict[str, Any]:
    content = {"a.b": 1, "A.b": 2.5, "x": {"y": 3}, "x.y": f"text {number}", "x y`z": None}
    return {**content, "sparring__key": f"k{number}", **more}


def test_every_reason_has_two_rows_with_their_columns(tmp_path: Path) -> None:
    rows = [row(n, sparring__reason="worse" if n % 3 else "bad") for n in range(30)]
    write(tmp_path / "sparring__part=quarantined", rows)
    found = quarantined_examples(str(tmp_path), ["bad", "worse", "absent"], COLUMNS)
    assert [example["about"] for example in found] == ["bad", "worse"]
    for example, first in zip(found, ("text 0", "text 1"), strict=True):
        assert list(example["rows"]) == ["row 1", "row 2"]
        shown = example["rows"]["row 1"]
        assert shown == {"a.b": "1", "A.b": "2.5", "x": "{'y': 3}", "x.y": first, "x y`z": None}


def test_a_removed_row_stands_beside_the_one_that_stayed_differing_columns_first(tmp_path: Path) -> None:
    rows = [row(n, sparring__cluster=f"c{n // 2}", sparring__survivor=n % 2 == 0) for n in range(20)]
    rows += [row(99, sparring__cluster="alone", sparring__survivor=True)]
    found = duplicate_examples(write(tmp_path / "deduplicate", rows), COLUMNS)
    assert len(found) == EXAMPLES
    for example in found:
        kept, removed = example["rows"]["kept"], example["rows"]["removed"]
        assert list(kept) == list(removed) == ["x.y", "a.b", "A.b", "x", "x y`z"]
        numbers = [int(shown["x.y"].split()[1]) for shown in (kept, removed)]
        assert numbers[0] % 2 == 0
        assert numbers[1] == numbers[0] + 1


def test_near_pairs_are_found_by_their_keys(tmp_path: Path) -> None:
    rows = [row(n, sparring__cluster="c", sparring__survivor=True) for n in range(9)]
    samples = [{"src": f"k{n}", "dst": f"k{n + 1}", "similarity": 0.8 + n / 100} for n in (4, 6)]
    found = near_examples(write(tmp_path / "deduplicate", rows), samples, ["x.y"])
    assert [example["about"] for example in found] == ["similarity 0.840", "similarity 0.860"]
    assert found[1]["rows"] == {"one": {"x.y": "text 6"}, "the other": {"x.y": "text 7"}}


@pytest.mark.parametrize("length", [SHOWN_CHARACTERS, SHOWN_CHARACTERS + 1, 10_000])
def test_long_text_is_shortened(tmp_path: Path, length: int) -> None:
    write(tmp_path / "sparring__part=quarantined", [row(0, long="x" * length, sparring__reason="bad")])
    (found,) = quarantined_examples(str(tmp_path), ["bad"], ["long"])
    shown = found["rows"]["row 1"]["long"]
    assert len(shown) == min(length, SHOWN_CHARACTERS)
    assert shown.endswith("…") == (length > SHOWN_CHARACTERS)


def test_nothing_was_removed_or_quarantined(tmp_path: Path) -> None:
    assert quarantined_examples(str(tmp_path), [], COLUMNS) == []
    rows = [row(0, sparring__cluster="c", sparring__survivor=True)]
    assert duplicate_examples(write(tmp_path / "deduplicate", rows), COLUMNS) == []
