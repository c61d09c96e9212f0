"""Label sets distributed in bulk, against Sechidis's algorithm row by row."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.model_selection.multilabel import stratify_label_sets

tables = st.lists(st.frozensets(st.sampled_from("abcd")), min_size=8, max_size=120)


def row_by_row(rows: list[frozenset[str]], folds: int, seed: int) -> np.ndarray:
    """Sechidis and others (2011), algorithm 1: the rarest label first, its rows one by one to who wants it most."""
    random = np.random.default_rng(seed)
    wanted = {label: np.full(folds, sum(label in row for row in rows) / folds) for label in "abcd"}
    room = np.full(folds, len(rows) / folds)
    left, answer = list(range(len(rows))), np.zeros(len(rows), dtype=int)
    while left:
        remaining = Counter(label for at in left for label in rows[at])
        label = min(remaining, key=lambda name: remaining[name]) if remaining else None
        for at in [at for at in left if label is None or label in rows[at]]:
            desire = room if label is None else wanted[label]
            best = np.flatnonzero(np.isclose(desire, desire.max()))
            best = best[np.isclose(room[best], room[best].max())]
            answer[at] = random.choice(best)
            room[answer[at]] -= 1
            for name in rows[at]:
                wanted[name][answer[at]] -= 1
            left.remove(at)
    return answer


def collapsed(rows: list[frozenset[str]], folds: int) -> dict[str, list[int]]:
    sets = Counter("".join(sorted(row)) for row in rows)
    return stratify_label_sets({text: list(text) for text in sets}, dict(sets), [1 / folds] * folds)


def labels_by_fold(found: dict[str, list[int]]) -> np.ndarray:
    return np.array(
        [
            np.sum([row for text, row in found.items() if label in text], axis=0)
            for label in "abcd"
            if any(label in text for text in found)
        ]
    )


@settings(max_examples=100, deadline=None)
@given(tables, st.integers(2, 5))
def test_every_label_set_is_within_one_row_of_its_share(rows: list[frozenset[str]], folds: int) -> None:
    sizes = Counter("".join(sorted(row)) for row in rows)
    for text, distributed in collapsed(rows, folds).items():
        assert sum(distributed) == sizes[text]
        assert max(distributed) - min(distributed) <= 1


@pytest.mark.parametrize("seed", range(6))
def test_labels_spread_no_wider_than_row_by_row(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = [frozenset(np.array(list("abcd"))[random.random(4) < [0.5, 0.2, 0.1, 0.03]]) for _ in range(400)]
    ours = labels_by_fold(collapsed(rows, 5))
    folds = row_by_row(rows, 5, seed)
    theirs = np.array(
        [[sum(label in rows[at] for at in np.flatnonzero(folds == fold)) for fold in range(5)] for label in "abcd"]
    )
    assert np.ptp(ours, axis=1).sum() <= np.ptp(theirs, axis=1).sum()
    assert np.ptp(ours, axis=1).max() <= max(np.ptp(theirs, axis=1).max(), 1)
