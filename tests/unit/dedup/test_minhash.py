"""Shingles, signatures and bands: bit for bit those of a slow reference, and statistically right."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sparring.data.hashing import GOLDEN, MASK, constants, mix_one
from sparring.dedup.banding import Bands, band_hashes, choose_bands
from sparring.dedup.minhash import donors, signatures
from sparring.dedup.similarity import jaccard
from sparring.dedup.text import BASE, Shingles, TextRules

texts = st.lists(st.none() | st.text(alphabet="ab c\t\x1f\u00a0\u00e9e\u0301ß漢😀", max_size=40), max_size=12)
rules = st.builds(
    TextRules, st.sampled_from(["char", "word"]), st.integers(1, 6), st.sampled_from(["NFC", "NFKC", "none"])
)


def polynomial(units: list[int]) -> int:
    value = 0
    for unit in units:
        value = (value * int(BASE) + unit) & MASK
    return value


def slow_shingles(text: str | None, rules: TextRules) -> list[int]:
    """One text at a time, one shingle at a time, in Python's integers."""
    text = text or ""
    if rules.unicode != "none":
        text = unicodedata.normalize(rules.unicode, text)
    text = " ".join(text.lower().split())
    if rules.unit == "word":
        units = []
        for word in text.split():
            data = word.encode()
            eights = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
            later = sum(mix_one(eight ^ (at * GOLDEN & MASK)) for at, eight in enumerate(eights[1:], 1))
            units.append(mix_one((eights[0] + later & MASK) ^ (len(data) * GOLDEN & MASK)))
    else:
        units = [mix_one((ord(c) + 1) * GOLDEN & MASK) for c in text]
    if not units:
        return []
    padded = units + [0] * max(0, rules.size - len(units))
    return [mix_one(polynomial(padded[at : at + rules.size])) for at in range(len(padded) - rules.size + 1)]


@settings(deadline=None, max_examples=200)
@given(texts, rules)
def test_shingles_are_those_of_the_slow_reference(values: list[str | None], rules: TextRules) -> None:
    found = rules.shingles(rules.normalize(pa.array(values, pa.string())))
    assert len(found.offsets) == len(values) + 1
    for at, text in enumerate(values):
        assert found.hashes[found.offsets[at] : found.offsets[at + 1]].tolist() == slow_shingles(text, rules)


def test_many_texts_are_cut_into_blocks_without_a_seam() -> None:
    values = [f"text number {at} " + "x" * (at % 3_000) for at in range(400)]
    rules = TextRules("char", 4)
    together = rules.shingles(pa.array(values))
    for at in (0, 1, 77, 399):
        alone = rules.shingles(pa.array(values[at : at + 1]))
        np.testing.assert_array_equal(together.hashes[together.offsets[at] : together.offsets[at + 1]], alone.hashes)


def test_slices_of_arrow_arrays_are_read_where_they_begin() -> None:
    whole = pa.array(["first", "second", None, "fourth"])
    rules = TextRules("char", 3)
    np.testing.assert_array_equal(rules.shingles(whole.slice(1, 1)).hashes, rules.shingles(pa.array(["second"])).hashes)


def sets(members: list[list[int]]) -> Shingles:
    flat = [value for member in members for value in member]
    return Shingles(np.array(flat, dtype=np.uint64), np.cumsum([0, *map(len, members)]))


hash_sets = st.lists(st.lists(st.integers(0, MASK), max_size=20), min_size=1, max_size=8)


@settings(deadline=None, max_examples=50)
@given(hash_sets, st.integers(0, 1_000))
def test_permutations_are_those_of_the_slow_reference(members: list[list[int]], seed: int) -> None:
    drawn = [int(value) & 0xFFFFFFFF for value in constants(seed, 32)]
    found = signatures(sets(members), 16, seed, "permutations")
    for row, member in zip(found.tolist(), members, strict=True):
        for at, place in enumerate(row):
            hashes = [((drawn[at] | 1) * (value >> 32) + drawn[16 + at]) & 0xFFFFFFFF for value in member]
            assert place == min(hashes, default=0xFFFFFFFF)


@settings(deadline=None, max_examples=50)
@given(hash_sets, st.integers(0, 1_000))
def test_one_permutation_is_that_of_the_slow_reference(members: list[list[int]], seed: int) -> None:
    size, empty = 16, 0xFFFFFFFF
    found = signatures(sets(members), size, seed, "one_permutation")
    for row, member in zip(found.tolist(), members, strict=True):
        bins = [empty] * size
        for value in member:
            mixed = mix_one(value ^ int(constants(seed, 1)[0]))
            at = ((mixed >> 32) * size) >> 32
            bins[at] = min(bins[at], mixed & 0xFFFFFFFF, empty - 1 if mixed & 0xFFFFFFFF == empty else empty)
        dense = list(bins)
        for at in range(size) if member else ():
            attempt = 0
            while dense[at] == empty:
                attempt += 1
                dense[at] = bins[donors(size, seed, attempt)[at]]
        assert row == dense


@pytest.mark.parametrize("kernel", ["permutations", "one_permutation"])
@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.8, 0.95])
def test_places_agree_as_often_as_the_jaccard_similarity_says(kernel: str, similarity: float) -> None:
    """2,000 pairs of sets of 300: the mean agreement is within four standard errors of the exact similarity."""
    rng, pairs, size, places = np.random.default_rng(3), 2_000, 300, 128
    shared = round(2 * size * similarity / (1 + similarity))
    pool = rng.integers(0, MASK, (pairs, 2 * size - shared), dtype=np.uint64)
    flat = np.concatenate([pool[:, :size].ravel(), pool[:, size - shared :].ravel()])
    both = Shingles(flat, np.arange(2 * pairs + 1) * size)
    found = signatures(both, places, 11, kernel)
    agreement = (found[:pairs] == found[pairs:]).mean(axis=1)
    exact = shared / (2 * size - shared)
    error = np.sqrt(exact * (1 - exact) / places / pairs)
    assert abs(agreement.mean() - exact) < 4 * error
    # Bins of one permutation exclude each other, so their agreement varies less; densified ones a little more.
    assert agreement.std() < 1.15 * np.sqrt(exact * (1 - exact) / places)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(*[st.lists(st.integers(0, 9), max_size=12)] * 2), max_size=10))
def test_jaccard_is_that_of_python_sets(pairs: list[tuple[list[int], list[int]]]) -> None:
    wide = [[[value << 40 for value in side] for side in pair] for pair in pairs]
    sides = np.arange(2 * len(wide)).reshape(-1, 2)
    found = jaccard(sets([side for pair in wide for side in pair]), sides[:, 0], sides[:, 1])
    expected = [len({*a} & {*b}) / len({*a} | {*b}) if a or b else 0.0 for a, b in pairs]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(("threshold", "fp", "fn"), [(0.5, 0.5, 0.5), (0.8, 0.1, 0.9), (0.9, 0.5, 0.5)])
def test_bands_have_the_least_error_by_adaptive_quadrature(threshold: float, fp: float, fn: float) -> None:
    def error(number: int, rows: int) -> float:
        bands = Bands(number, rows)
        below = quad(lambda s: float(bands.probability(np.array(s))), 0, threshold)[0]
        above = quad(lambda s: 1 - float(bands.probability(np.array(s))), threshold, 1)[0]
        return fp * below + fn * above

    chosen = choose_bands(threshold, 64, fp, fn)
    least = min(error(number, rows) for rows in range(1, 65) for number in range(1, 64 // rows + 1))
    assert error(*chosen) == pytest.approx(least, rel=1e-4)


def test_rows_share_a_band_as_often_as_the_formula_says() -> None:
    rng, pairs, similarity = np.random.default_rng(5), 20_000, 0.7
    left = rng.integers(0, 2**32, (pairs, 64), dtype=np.uint32)
    right = np.where(rng.random((pairs, 64)) < similarity, left, rng.integers(0, 2**32, (pairs, 64), dtype=np.uint32))
    bands = Bands(8, 8)
    shared = (band_hashes(left, bands, 1) == band_hashes(right, bands, 1)).any(axis=1).mean()
    expected = float(bands.probability(np.array(similarity)))
    assert abs(shared - expected) < 4 * np.sqrt(expected * (1 - expected) / pairs)
