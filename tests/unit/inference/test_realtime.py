"""Tables scored through a real HTTP server, with Spark's own tasks."""

import threading

import numpy as np
import pandas as pd
import pytest
from pyspark.errors import PythonException
from pyspark.ml.linalg import Vectors
from pyspark.sql import DataFrame, SparkSession

from sparring.errors import ParamError, SchemaError
from sparring.inference.realtime import EndpointModel

from .conftest import Answer, FakeEndpoint, Received, refuse, scores

ROWS = 500


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    """Rows whose score is their x; a column of text that no format may trip over."""
    table = pd.DataFrame({"id": range(ROWS), "x": np.arange(ROWS) + 0.5, "city": ['O,"s"\nlo', None] * (ROWS // 2)})
    return spark.createDataFrame(table).repartition(3, "id").cache()


def model(endpoint: FakeEndpoint, **params: object) -> EndpointModel:
    return EndpointModel(
        endpointName="e", target=endpoint.target, **{"inputCols": ["city", "x"], "maxRows": 40, **params}
    )


def test_every_row_gets_its_own_score_in_its_own_place(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    stage = model(endpoint)
    before, scored = rows.toPandas(), stage.transform(rows).toPandas()
    assert scored.id.tolist() == before.id.tolist()
    assert (scored.probability == scored.x).all()
    assert all(request.headers["Content-Type"] == "application/x-parquet" for request in endpoint.received)
    found = stage.metrics
    assert (found.rows, found.requests, found.retries) == (ROWS, len(endpoint.received), 0)
    assert found.bytes_sent == sum(len(request.body) for request in endpoint.received)
    assert found.requests >= ROWS / 40
    assert 0 < found.quantile(0.5) <= found.quantile(0.99)
    assert found.to_dict()["rows_per_second"] > 0


def test_bytes_bound_a_request_too(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    scored = model(endpoint, maxRows=10_000, maxBytes=1_500).transform(rows).toPandas()
    assert (scored.probability == scored.x).all()
    assert max(len(request.body) for request in endpoint.received) <= 1_500


def test_requests_of_a_task_run_side_by_side_but_no_more_than_asked(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    together = threading.Barrier(3, timeout=20)

    def meet(request: Received) -> Answer:
        if request.attempt == 1:
            together.wait()
        return scores(request)

    endpoint.behave = meet
    scored = model(endpoint, concurrency=3, maxRows=25).transform(rows.where("id < 450").coalesce(1)).toPandas()
    assert (scored.probability == scored.x).all()
    assert endpoint.most_at_a_time == 3


def test_features_go_as_libsvm_from_every_form_of_them(endpoint: FakeEndpoint, spark: SparkSession) -> None:
    table = [(i, [i + 0.5, 1.0], [0, 1], [i + 0.5, 1.0], Vectors.dense(i + 0.5, 1.0)) for i in range(30)]
    frame = spark.createDataFrame(table, ["id", "features", "indices", "values", "vector"])
    for column in ("features", "", "vector"):
        scored = EndpointModel(endpointName="e", target=endpoint.target, featuresCol=column).transform(frame).toPandas()
        assert scored.probability.tolist() == [i + 0.5 for i in range(30)]
    assert {request.headers["Content-Type"] for request in endpoint.received} == {"text/libsvm"}


def test_failures_that_pass_lose_and_double_no_row(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    failures = {
        1: refuse(500, "InternalFailure"),
        2: refuse(400, "ThrottlingException"),
        3: Answer(200, b"1", closes=True),
    }
    endpoint.behave = lambda request: failures.get(request.attempt) or scores(request)
    stage = model(endpoint, maxRows=200)
    scored = stage.transform(rows).toPandas()
    assert sorted(scored.id) == list(range(ROWS))
    assert (scored.probability == scored.x).all()
    assert stage.metrics.retries == 3 * stage.metrics.requests


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(200, b"0.5,0.5"), "answered 2 scores"),
        (Answer(200, b""), "answered 0 scores"),
        (refuse(400, "ValidationError", "no such endpoint"), "no such endpoint"),
    ],
)
def test_an_answer_that_is_wrong_ends_the_job(
    endpoint: FakeEndpoint, rows: DataFrame, answer: Answer, said: str
) -> None:
    endpoint.behave = lambda request: answer
    with pytest.raises(PythonException, match=f"EndpointError.*Endpoint e.*{said}"):
        model(endpoint).transform(rows).toPandas()


def test_a_table_without_rows_sends_nothing(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    scored = model(endpoint).transform(rows.where("id < 0")).toPandas()
    assert scored.columns.tolist() == ["id", "x", "city", "probability"]
    assert len(scored) == 0
    assert endpoint.received == []


def test_rows_are_split_between_variants_by_their_key_alone(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    options = {"variants": ["blue", "green"], "variantShares": [3.0, 1.0], "keyCols": ["id"], "variantCol": "by"}
    stage = model(endpoint, **options)
    scored = stage.transform(rows).toPandas()
    assert (scored.probability == scored.x).all()
    again = stage.transform(rows.orderBy("x").repartition(5)).toPandas()
    assert scored.set_index("id").by.sort_index().equals(again.set_index("id").by.sort_index())
    assert set(scored.by) == {"blue", "green"}
    # Binomial with p = 1/4: four standard deviations.
    assert abs((scored.by == "green").sum() - ROWS / 4) < 4 * np.sqrt(ROWS * 3 / 16)
    asked = {request.headers["X-Amzn-SageMaker-Target-Variant"] for request in endpoint.received}
    assert asked == {"blue", "green"}
    other = model(endpoint, **options, seed=43).transform(rows).toPandas()
    assert not scored.set_index("id").by.sort_index().equals(other.set_index("id").by.sort_index())


def test_without_a_split_the_column_tells_which_variant_the_endpoint_chose(
    endpoint: FakeEndpoint, rows: DataFrame
) -> None:
    scored = model(endpoint, variantCol="by").transform(rows).toPandas()
    assert set(scored.by) == {"all"}


def test_what_is_wrong_is_said_before_a_request(endpoint: FakeEndpoint, rows: DataFrame) -> None:
    with pytest.raises(SchemaError, match=r"EndpointModel.inputCols: column 'y' is not in the table"):
        model(endpoint, inputCols=["y"]).transform(rows)
    with pytest.raises(ParamError, match="contentType must be one of"):
        model(endpoint, contentType="text/libsvm").transform(rows)
    with pytest.raises(ParamError, match="maxBytes must be in"):
        model(endpoint, maxBytes=6_291_457).transform(rows)
    with pytest.raises(ParamError, match="variantShares must be 2 numbers"):
        model(endpoint, variants=["a", "b"], variantShares=[1.0], keyCols=["id"]).transform(rows)
    with pytest.raises(ParamError, match="keyCols must be"):
        model(endpoint, variants=["a"], variantShares=[1.0]).transform(rows)
    with pytest.raises(ParamError, match="endpointName is not set"):
        EndpointModel(target=endpoint.target, inputCols=["x"]).transform(rows)
    assert endpoint.received == []
