"""One Spark session for the whole test run, and a small table with a configuration for it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from sparring.session import SessionSpec, get_session, stop_session

ROWS = 4_000


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Local session of two threads and four shuffle partitions."""
    session = get_session(SessionSpec("tests", cores=2, memory="2g", conf={"spark.sql.shuffle.partitions": "4"}))
    session.sparkContext.setLogLevel("ERROR")
    yield session
    stop_session(session)


@pytest.fixture()
def spark_conf(spark: SparkSession) -> Iterator[SparkSession]:
    """The session, whose settings are put back after a test that changes them."""
    before = {key: spark.conf.get(key) for key in ("spark.sql.shuffle.partitions", "spark.sql.adaptive.enabled")}
    yield spark
    for key, value in before.items():
        spark.conf.set(key, value)


def small_table() -> pd.DataFrame:
    """4,000 rows: 20 without a label, 60 copies, 300 groups; the label depends on x, hour and city."""
    rng = np.random.default_rng(7)
    unique = ROWS - 60
    group = rng.integers(0, 300, unique)
    x, hour = rng.normal(size=unique), rng.integers(0, 24, unique)
    city = rng.choice(["Oslo", "Rome", "Wien", "Bern"], unique)
    logit = x + np.sin(2 * np.pi * hour / 24) + (city == "Oslo") + 0.5 * rng.normal(size=300)[group] - 0.8
    label = (rng.random(unique) < 1 / (1 + np.exp(-logit))).astype(float)
    label[rng.choice(unique, 20, replace=False)] = np.nan
    x[rng.choice(unique, 100, replace=False)] = np.nan
    table = pd.DataFrame(
        {"patient": group, "x": x, "hour": hour, "city": city, "sick": label, "z": rng.normal(size=unique)}
    )
    copies = table[table.sick.notna()].sample(60, random_state=1)
    return pd.concat([table, copies]).sample(frac=1, random_state=2).reset_index(drop=True)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Configuration file of a quick comparison; its table lies beside it."""
    folder = tmp_path_factory.mktemp("small")
    small_table().to_parquet(folder / "table.parquet")
    config = {
        "name": "small",
        "table": {
            "path": str(folder / "table.parquet"),
            "label": "sick",
            "group": ["patient"],
            "features": {"numeric": ["x", "z"], "cyclic": {"hour": 24}, "categorical": ["city"]},
        },
        "contenders": [
            {
                "name": "sklearn-logistic",
                "engine": "single_node",
                "family": "logistic_regression",
                "hyperparameters": {"regParam": 0.001},
            },
            {
                "name": "xgboost",
                "engine": "single_node",
                "family": "gradient_boosted_trees",
                "hyperparameters": {"num_round": 20},
            },
        ],
        "resources": {"memory": "1g", "cores": 2},
        "evaluation": {"resamples": 50},
    }
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(config))
    return path
