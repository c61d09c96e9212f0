from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparring.errors import LabelError, TableError
from sparring.evaluation import Predictions

ROWS = {
    "key": ["d", "a", "c", "b"],
    "split": ["test", "test", "validation", "test"],
    "label": [1.0, 0.0, 1.0, 1.0],
    "weight": [1.0, 2.0, 1.0, 1.0],
    "group": ["x", "y", "x", "x"],
    "score": [0.9, 0.1, 0.6, 0.4],
}


def write(folder: Path, rows: dict) -> str:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(rows), folder / "part-0.parquet")
    return str(folder)


def test_reads_one_split_in_the_order_of_keys(tmp_path: Path) -> None:
    found = Predictions.read(write(tmp_path, ROWS), "test")
    assert found.keys.tolist() == ["a", "b", "d"]
    assert found.scores.tolist() == [0.1, 0.4, 0.9]
    assert found.clusters.tolist() == [0, 1, 1]
    assert found.grouped


def test_order_and_files_do_not_matter(tmp_path: Path) -> None:
    table = pa.table(ROWS)
    write(tmp_path / "one", ROWS)
    (tmp_path / "two").mkdir()
    pq.write_table(table.slice(2), tmp_path / "two" / "part-0.parquet")
    pq.write_table(table.slice(0, 2), tmp_path / "two" / "part-1.parquet")
    one, two = (Predictions.read(str(tmp_path / name), "test") for name in ("one", "two"))
    assert one.digest() == two.digest()
    assert np.array_equal(one.scores, two.scores)


def test_rows_are_their_own_units_without_groups(tmp_path: Path) -> None:
    rows = {name: values for name, values in ROWS.items() if name != "group"}
    found = Predictions.read(write(tmp_path, rows), "test")
    assert found.clusters.tolist() == [0, 1, 2]
    assert not found.grouped


@pytest.mark.parametrize(
    ("column", "values", "error", "word"),
    [
        ("key", ["a", "a", "c", "b"], TableError, "'a'"),
        ("score", [1.2, 0.1, 0.6, 0.4], TableError, "1.2"),
        ("score", [float("nan"), 0.1, 0.6, 0.4], TableError, "nan"),
        ("weight", [0.0, 1.0, 1.0, 1.0], TableError, "weights"),
        ("label", [1.0, 1.0, 0.0, 1.0], LabelError, r"\[1.0\]"),
        ("label", [1.0, 2.0, 0.0, 1.0], LabelError, "2.0"),
        ("split", ["train"] * 4, TableError, "no rows"),
    ],
)
def test_refuses_rows_that_no_metric_is_defined_on(
    tmp_path: Path, column: str, values: list, error: type[Exception], word: str
) -> None:
    with pytest.raises(error, match=word):
        Predictions.read(write(tmp_path, {**ROWS, column: values}), "test")


def test_names_missing_columns(tmp_path: Path) -> None:
    rows = {name: values for name, values in ROWS.items() if name != "score"}
    with pytest.raises(TableError, match="lack score"):
        Predictions.read(write(tmp_path, rows), "test")
