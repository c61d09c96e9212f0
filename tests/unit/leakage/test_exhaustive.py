"""The blocked comparison against a loop over pairs."""

import math

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from sparring.leakage.exhaustive import ReferenceRows, best_alike

TEXTS = ["the quick brown fox", "the quick brown fix", "", None, "lorem ipsum dolor", "ipsum", "a"]


def columns(seed: int, rows: int) -> tuple[list[pa.Array], list[pa.Array]]:
    random = np.random.default_rng(seed)
    number = random.integers(0, 3, rows) / 2
    number[random.random(rows) < 0.2] = np.nan
    zero = np.where(random.random(rows) < 0.5, -0.0, 0.0)
    category = random.choice(["a", "b", "", None], rows)
    text = random.choice(np.array(TEXTS, dtype=object), rows)
    plain = [pa.array(number, from_pandas=True), pa.array(zero), pa.array(category.tolist(), pa.string())]
    return plain, [pa.array(text.tolist(), pa.string())]


def shingles(text: str | None) -> set[str]:
    return set() if not text else {text[at : at + 5] for at in range(max(1, len(text) - 4))}


def slow(one: list, other: list, texts: tuple[str | None, str | None]) -> float:
    total, counted = 0.0, 0
    for left, right in zip(one, other, strict=True):
        if left is None or right is None or (isinstance(left, float) and math.isnan(left)):
            continue
        total, counted = total + (left == right), counted + 1
    left_set, right_set = (shingles(text) for text in texts)
    if left_set and right_set:
        total, counted = total + len(left_set & right_set) / len(left_set | right_set), counted + 1
    return total / counted if counted else 0.0


@pytest.mark.parametrize("with_text", [True, False])
def test_every_pair_is_as_a_loop_says(with_text: bool) -> None:
    plain, texts = columns(1, 300)
    others, other_texts = columns(2, 90)
    held = ReferenceRows.of(plain, texts if with_text else [])
    blocks = list(held.similarities(others, other_texts if with_text else []))
    assert [block.stop for block, _ in blocks] == [256, 300]
    found = np.concatenate([similar for _, similar in blocks])
    left = [[column[at].as_py() for column in plain] for at in range(300)]
    right = [[column[at].as_py() for column in others] for at in range(90)]
    for i in range(300):
        for j in range(90):
            pair = (texts[0][i].as_py(), other_texts[0][j].as_py()) if with_text else (None, None)
            assert found[i, j] == pytest.approx(slow(left[i], right[j], pair), abs=1e-6)


def test_the_best_row_does_not_depend_on_partitions(spark: SparkSession) -> None:
    random = np.random.default_rng(3)
    rows = [(f"{at:04d}", *random.integers(0, 4, 6).astype(float).tolist()) for at in range(500)]
    frame = spark.createDataFrame(rows, "id string, " + ", ".join(f"c{at} double" for at in range(6)))
    names = [f"c{at}" for at in range(6)]
    wanted = random.integers(0, 4, (40, 6)).astype(float)
    held = ReferenceRows.of([pa.array(wanted[:, at]) for at in range(6)], [])
    values = np.array([row[1:] for row in rows])
    agree = (wanted[:, None, :] == values[None, :, :]).mean(axis=2)
    for partitions in (1, 5):
        best = best_alike(frame.repartition(partitions), "id", names, [], held)
        assert np.allclose(best.similarity, agree.max(axis=1), atol=1e-6)
        assert best.ids.tolist() == [rows[at][0] for at in agree.argmax(axis=1)]
