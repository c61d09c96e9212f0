"""What a run would ask of SageMaker, checked before any work."""

from typing import Any

import pytest

from sparring.config.load import parse_config
from sparring.config.schema import RunConfig
from sparring.errors import ConfigError
from sparring.run.preflight import check_before_work
from sparring.training.sagemaker import planned_requests

BOOSTED = {"engine": "sagemaker", "family": "gradient_boosted_trees", "hyperparameters": {"num_round": 5}}


def run(tmp_path: Any, **sagemaker: Any) -> RunConfig:
    (tmp_path / "t.csv").write_text("a,y\n1,0\n")
    return parse_config(
        {
            "name": "x",
            "table": {"path": str(tmp_path / "t.csv"), "label": "y", "features": {"numeric": ["a"]}},
            "contenders": [{"name": "one", **BOOSTED}, {"name": "two", **BOOSTED}],
            "sagemaker": sagemaker,
            "resources": {"memory": "1g"},
        }
    )


def test_every_contender_is_planned_on_the_instance_that_would_be_chosen(tmp_path: Any) -> None:
    one, two = planned_requests(run(tmp_path))
    assert one["TrainingJobName"].startswith("sparring-one-")
    assert two["TrainingJobName"].startswith("sparring-two-")
    assert one["ResourceConfig"]["InstanceType"] == "ml.m5.large"
    assert one["HyperParameters"]["num_round"] == "5"


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ({"tags": {"a": "b"}}, r"cannot express sagemaker\.tags .*client: boto3"),
        ({"early_stopping_rounds": 3}, r"cannot express sagemaker\.early_stopping_rounds.*client: boto3"),
        ({"early_stopping_rounds": 3, "client": "boto3"}, "needs the channel validation"),
        ({"client": "boto3", "retry_attempts": 99}, r"sagemaker\.retry_attempts \(RetryStrategy"),
        ({"instance_type": "ml.p3.2xlarge"}, "has a GPU, xgboost has no use for one"),
    ],
)
def test_a_run_that_sagemaker_would_refuse_does_not_start(tmp_path: Any, section: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_before_work(run(tmp_path, **section), str(tmp_path / "out"))


def test_early_stopping_reaches_the_job_with_its_channel(tmp_path: Any) -> None:
    config = run(tmp_path, client="boto3", early_stopping_rounds=3, channels={"validation": {}})
    (request, _) = planned_requests(config)
    assert request["HyperParameters"]["early_stopping_rounds"] == "3"
    assert [channel["ChannelName"] for channel in request["InputDataConfig"]] == ["train", "validation"]
