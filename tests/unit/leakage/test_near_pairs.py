"""What the comparison of pairs says of honest and of leaking splits, without Spark."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sparring.leakage import near_pairs
from sparring.leakage.columns import PART
from sparring.leakage.exhaustive import Alike, ReferenceRows
from sparring.leakage.near_pairs import PIECE, PIECES, ComparedRows
from sparring.leakage.reference import beyond_gap
from sparring.leakage.table import CONTENT, GROUP

made = runpy.run_path(str(Path(__file__).with_name("honest.py")))
SHAPES, split_of, table_of = made["SHAPES"], made["split_of"], made["table_of"]
THRESHOLD = 0.75


def compared_rows(train: pd.DataFrame, test: pd.DataFrame, grouped: bool, patch: pytest.MonkeyPatch) -> ComparedRows:
    """Compare every row with all of train, in pieces of whole units."""
    names = [name for name in train.columns if name.startswith("x")]
    rows = pd.concat([train, test], ignore_index=True)
    in_train = np.arange(len(train))
    content = np.array([f"{one:020d}" for one in pd.util.hash_pandas_object(rows[names].fillna(-99), index=False)])
    group = rows["group"].to_numpy().astype(str)
    piece = pd.util.hash_array((group if grouped else content).astype(object)) % PIECES
    held = ReferenceRows.of([pa.array(rows[name], from_pandas=True) for name in names], [])
    similar, ids = np.full((PIECES, len(rows)), -1.0), np.full((PIECES, len(rows)), None, dtype=object)
    for number in range(PIECES):
        own = in_train[piece[in_train] == number]
        own = own[np.argsort(content[own])]
        for block, found in held.similarities([pa.array(rows[n].iloc[own], from_pandas=True) for n in names], []):
            similar[number, block], ids[number, block] = found.max(axis=1), content[own][found.argmax(axis=1)]
    best = Alike(similar.max(axis=0), ids[similar.argmax(axis=0), np.arange(len(rows))], similar, ids)
    by_content = pd.Series(group[in_train]).groupby(content[in_train])
    several = (by_content.nunique() if grouped else by_content.size()) > 1
    equal = pd.DataFrame({CONTENT: several.index, "several": several.to_numpy()})
    patch.setattr(near_pairs, "_equal", lambda table, contents: equal[equal[CONTENT].isin(contents)])
    patch.setattr(near_pairs, "_piece", lambda table: None)
    shares = np.bincount(piece[in_train].astype(int), minlength=PIECES) / len(train)
    roles = SimpleNamespace(texts=[], numbers=names, timestamps=[], categories=[])
    table = SimpleNamespace(unit="group" if grouped else None, pieces=lambda number, of: shares, columns=roles)
    part = np.r_[np.zeros(len(train), int), np.ones(len(test), int)]
    chosen = rows[names].assign(**{PART: part, CONTENT: content, GROUP: group, PIECE: piece.astype(int)})
    return ComparedRows(table, chosen, best, THRESHOLD - 1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("groups", [0, 60])
@pytest.mark.parametrize("shape", SHAPES)
def test_honest_splits_are_not_accused_of_similar_rows(
    shape: str, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(6):
        parts = split_of(table_of(shape, 500, groups, seed), groups > 0, seed)
        looked = compared_rows(*parts, groups > 0, monkeypatch)
        assert not looked.compared(1).found
        assert groups or looked.told_apart(1) == 0.0


@pytest.mark.parametrize("groups", [0, 60])
def test_rows_that_were_copied_and_barely_changed_are_found(groups: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(4):
        train, test = split_of(table_of("fine", 500, groups, seed, likeness=0.1), groups > 0, seed)
        leak = train.sample(10, random_state=seed).assign(x3=-7.0, group=test["group"].iloc[:10].to_numpy())
        looked = compared_rows(train, pd.concat([test, leak], ignore_index=True), groups > 0, monkeypatch)
        found = looked.compared(1)
        assert found.found
        assert found.excess == pytest.approx(10 / (len(test) + 10), rel=0.15)


def test_copies_that_are_equal_are_no_near_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = split_of(table_of("fine", 500, 0, 1), False, 1)
    looked = compared_rows(train, pd.concat([test, train.iloc[:20]], ignore_index=True), False, monkeypatch)
    assert not looked.compared(1).found
    assert looked.told_apart(1) == 0.0


@pytest.mark.parametrize(
    ("alike", "above", "below", "told"),
    [(30, 30, 5, 0.1), (30, 30, 15, 0.0), (3, 3, 0, 0.0), (4, 4, 0, 4 / 300), (60, 200, 0, 0.0)],
)
def test_a_gap_below_few_rows_that_are_alike_tells_them_apart(alike: int, above: int, below: int, told: float) -> None:
    assert beyond_gap(300, alike, above, below) == pytest.approx(told)
