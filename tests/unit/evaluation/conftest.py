"""Made-up predictions for the tests of metrics and intervals."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from sparring.evaluation import Predictions

Maker = Callable[..., Predictions]


@pytest.fixture(scope="session")
def make() -> Maker:
    """Builder of random predictions: ties, weights and groups on demand."""

    def build(
        rows: int = 400,
        *,
        seed: int = 0,
        skill: float = 1.0,
        noise_seed: int = 1,
        groups: int | None = None,
        weighted: bool = False,
        digits: int = 12,
    ) -> Predictions:
        random = np.random.default_rng(seed)
        group = random.integers(0, groups or rows, rows)
        effect = random.normal(size=groups or rows)[group] if groups else random.normal(size=rows)
        label = (effect + random.normal(size=rows) > 0.5).astype(float)
        weight = random.uniform(0.5, 2.0, rows) if weighted else np.ones(rows)
        noise = np.random.default_rng(noise_seed).normal(size=rows)
        score = (1 / (1 + np.exp(-(skill * effect + noise)))).round(digits)
        columns = {
            "key": [f"k{i:06d}" for i in range(rows)],
            "label": label,
            "weight": weight,
            "score": score,
        }
        if groups:
            columns["group"] = [f"g{g}" for g in group]
        return Predictions.from_table(pa.table(columns))

    return build
