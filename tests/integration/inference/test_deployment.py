"""Endpoints that are deployed, split, captured, changed under load and deleted, on the local SageMaker."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame

from sparring.errors import ParamError, SageMakerError
from sparring.inference.deployment import DataCapture, Deployment, ServedModel, Serverless, Variant
from sparring.inference.invocation import Invoker, runtime_client
from sparring.inference.realtime import EndpointModel
from sparring.sagemaker.target import AwsTarget

from .conftest import ROWS, left

Served = Callable[..., ServedModel]


def model(target: AwsTarget, name: str, **params: object) -> EndpointModel:
    given = {"inputCols": ["city", "x"], "contentType": "text/csv", "maxRows": 40, **params}
    return EndpointModel(endpointName=name, target=target, **given)


def test_variants_split_rows_by_key_requests_by_weight_and_leave_nothing(
    target: AwsTarget, served: Served, rows: DataFrame
) -> None:
    variants = [Variant(served(), name="blue", weight=3.0), Variant(served("add"), name="green")]
    capture = DataCapture(f"s3://{target.bucket}/kept/captured")
    with Deployment(target, "split", variants, capture=capture) as endpoint:
        assert endpoint.start_seconds > 0
        split = {"variants": ["blue", "green"], "variantShares": [1.0, 1.0], "keyCols": ["id"], "variantCol": "by"}
        scored = model(target, endpoint.name, **split).transform(rows).toPandas()
        assert (scored.probability == scored.x + (scored.by == "green") * 1000).all()
        assert ROWS / 3 < (scored.by == "green").sum() < 2 * ROWS / 3
        # Without a split the endpoint chooses, request by request.
        chosen = model(target, endpoint.name, maxRows=5, variantCol="by").transform(rows).toPandas()
        assert (chosen.probability == chosen.x + (chosen.by == "green") * 1000).all()
        counts = Counter(chosen.by)
        assert counts["blue"] > 1.5 * counts["green"] > 0
        endpoint.set_weights({"blue": 0.0, "green": 1.0})
        assert set(model(target, endpoint.name, variantCol="by").transform(rows).toPandas().by) == {"green"}
    assert left(target) == []
    listed = target.client("s3").list_objects_v2(Bucket=target.bucket, Prefix="kept/captured/")
    assert listed["KeyCount"] > 0


def test_an_update_swaps_the_model_without_one_failed_request(target: AwsTarget, served: Served) -> None:
    answers: list[float] = []
    stop = threading.Event()
    with Deployment(target, "update", [Variant(served())]) as endpoint:
        invoker = Invoker(runtime_client(target, 1), endpoint.name, "text/csv", "text/csv")

        def ask() -> None:
            while not stop.is_set():
                answers.append(float(invoker.score(b"a,1\n", 1).scores[0]))

        asking = threading.Thread(target=ask)
        asking.start()
        try:
            endpoint.update([Variant(served("add"))])
            deadline = time.monotonic() + 30
            while answers[-1:] != [1001.0] and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            stop.set()
            asking.join()
        assert set(answers) == {1.0, 1001.0}
        assert answers == sorted(answers)
        assert len(target.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]) == 1
        with pytest.raises(SageMakerError):
            endpoint.update([Variant(served("die"))])
        assert invoker.score(b"a,1\n", 1).scores[0] == 1001.0
    assert left(target) == []


def test_a_model_that_does_not_start_leaves_nothing(target: AwsTarget, served: Served) -> None:
    with (
        pytest.raises(SageMakerError, match=r"Endpoint dead-\w+ failed: .*cannot load the model"),
        Deployment(target, "dead", [Variant(served("die"))]),
    ):
        pass
    assert left(target) == []


def test_an_interrupt_while_it_starts_leaves_nothing(
    target: AwsTarget, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Deployment, config: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt), Deployment(target, "stopped", [Variant(served())]):
        pass
    assert left(target) == []


def test_a_serverless_endpoint_wakes_up_and_scores(target: AwsTarget, served: Served, rows: DataFrame) -> None:
    with Deployment(target, "cold", [Variant(served(), Serverless(1_024, 2))]) as endpoint:
        # More requests at a time than its concurrency: throttled ones wait for their turn.
        stage = model(target, endpoint.name, maxRows=10, concurrency=6)
        scored = stage.transform(rows).toPandas()
        assert (scored.probability == scored.x).all()
        assert stage.metrics.rows == ROWS
    assert left(target) == []


@pytest.mark.parametrize(("memory", "most"), [(1_500, 1), (512, 1), (7_168, 1), (1_024, 0), (1_024, 201)])
def test_serverless_sizes_that_aws_lacks_are_refused(memory: int, most: int) -> None:
    with pytest.raises(ParamError, match="Serverless"):
        Serverless(memory, most)
