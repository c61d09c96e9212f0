"""The SageMaker Python SDK against the local SageMaker: fit, deploy, predict, transform, clean up."""

import time
from typing import Any

import boto3
import pytest

sagemaker = pytest.importorskip(
    "sagemaker", reason="uv run --with 'sagemaker<3' pytest tests/integration/local_sagemaker/test_sdk.py"
)


@pytest.fixture
def session(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The SDK's session, pointed here by the environment alone; it waits less long between two looks."""
    keys = {"AWS_ACCESS_KEY_ID": cloud.aws.access_key, "AWS_SECRET_ACCESS_KEY": cloud.aws.secret_key}
    for name, value in {
        "AWS_ENDPOINT_URL": cloud.aws.endpoint_url,
        "AWS_DEFAULT_REGION": cloud.aws.region,
        **keys,
    }.items():
        monkeypatch.setenv(name, value)
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.05)))
    return sagemaker.Session(boto3.Session(region_name=cloud.aws.region), default_bucket=cloud.aws.bucket)


def test_an_estimator_fits_deploys_predicts_transforms_and_cleans_up(
    cloud: Any, session: Any, capfd: pytest.CaptureFixture
) -> None:
    estimator = sagemaker.estimator.Estimator(
        image_uri=cloud.job_request("stepwise")["AlgorithmSpecification"]["TrainingImage"],
        role=cloud.aws.role_arn,
        instance_count=1,
        instance_type="ml.m5.large",
        hyperparameters={"do": "stepwise"},
        metric_definitions=[{"Name": "loss", "Regex": "loss=([0-9.]+);"}],
        sagemaker_session=session,
    )
    estimator.fit({"train": cloud.put(a="1,2")}, logs="All")
    assert "step=20 loss=0.0500;" in capfd.readouterr().out
    assert cloud.keys(estimator.model_data) == [""]
    again = sagemaker.estimator.Estimator.attach(estimator.latest_training_job.name, sagemaker_session=session)
    assert (again.model_data, again.output_kms_key) == (estimator.model_data, "")
    values = again.training_job_analytics.dataframe()
    assert set(values["metric_name"]) == {"loss"}
    predictor = estimator.deploy(1, "ml.m5.large", serializer=sagemaker.serializers.CSVSerializer())
    assert predictor.predict([[1, 2], [3, 4]]) == b"3\n7"
    transformer = estimator.transformer(1, "ml.m5.large", assemble_with="Line")
    transformer.transform(cloud.put(a="1,2\n3,4\n"), content_type="text/csv", split_type="Line", logs=False)
    assert cloud.read(f"{transformer.output_path}/a.out") == b"3\n7\n"
    predictor.delete_model()
    predictor.delete_endpoint()
    transformer.delete_model()
    assert cloud.sagemaker.list_endpoints(NameContains=predictor.endpoint_name)["Endpoints"] == []
