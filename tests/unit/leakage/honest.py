"""Tables of several shapes, honest splits of them, and leaks planted into these."""

from __future__ import annotations

import numpy as np
import pandas as pd

SHAPES = ("coarse", "dependent", "skewed", "middle", "fine", "missing")


def columns_of(shape: str, rows: int, random: np.random.Generator) -> np.ndarray:
    """Return the features of rows; two of ``dependent`` are functions of each other."""
    if shape == "dependent":
        a = random.integers(0, 30, rows)
        return np.stack([a, a - 3, *random.integers(0, 6, (2, rows))], axis=1).astype(float)
    if shape == "skewed":
        return np.minimum(random.geometric(0.3, (rows, 4)), 12).astype(float)
    if shape == "missing":
        values = random.integers(0, 40, (rows, 8)).astype(float)
        return np.where(random.random((rows, 8)) < 0.8, np.nan, values)
    values = {"coarse": (5, 4), "middle": (12, 4), "fine": (1_000, 10)}[shape]
    return random.integers(0, values[0], (rows, values[1])).astype(float)


def table_of(shape: str, rows: int, groups: int, seed: int, likeness: float = 0.5) -> pd.DataFrame:
    """Return features, label and group; rows of a group share so many of their values."""
    random = np.random.default_rng([seed, rows, groups])
    features = columns_of(shape, rows, random)
    group = random.integers(0, max(groups, 1), rows)
    if groups:
        shared = columns_of(shape, groups, random)[group]
        if shape == "dependent":
            features = np.where(random.random((rows, 1)) < likeness, shared, features)
        else:
            features = np.where(random.random(features.shape) < likeness, shared, features)
    table = pd.DataFrame(features, columns=[f"x{at}" for at in range(features.shape[1])])
    known = table["x0"].fillna(0.0)
    score = known - known.mean() + random.normal(size=rows) * (known.std() + 1)
    return table.assign(label=(score > 0).astype(int), group=group)


def split_of(table: pd.DataFrame, by_group: bool, seed: int, share: float = 0.25) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return train and test of an honest split: of groups, else of rows."""
    random = np.random.default_rng([seed, 99])
    names = table["group"].to_numpy() if by_group else np.arange(len(table))
    units = random.permutation(np.unique(names))
    test = np.isin(names, units[: max(1, round(share * len(units)))])
    return table[~test].reset_index(drop=True), table[test].reset_index(drop=True)
