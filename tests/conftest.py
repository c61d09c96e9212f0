"""One Spark session for the whole test run."""

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from sparring.session import SessionSpec, get_session, stop_session


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
