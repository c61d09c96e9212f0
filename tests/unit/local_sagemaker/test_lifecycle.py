"""Stopping and deleting at the worst moment: when the program is about to start."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials

from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.deployment import Deployment
from sparring_local_sagemaker.runtime.endpoint import Endpoint
from sparring_local_sagemaker.state import Store
from sparring_local_sagemaker.training.job import TrainingJob

KEYS = Credentials("k", "s")
RECORD: dict[str, Any] = {
    "TrainingJobName": "job",
    "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/job",
    "CreationTime": 0.0,
    "AlgorithmSpecification": {"TrainingImage": "x/xgboost:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/out/job/output/model.tar.gz"},
}


@pytest.mark.parametrize("status", ["Downloading", "Training"])
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_job_stopped_as_its_program_is_about_to_start_starts_none(tmp_path: Path, how: str, status: str) -> None:
    class StoppedAt(TrainingJob):
        def _enter(self, secondary: str) -> Any:
            effect = super()._enter(secondary)
            if secondary == status:
                self._stop.set() if how == "kill" else self.stop()
            return effect

    platform = Platform(tmp_path, "http://127.0.0.1:1", KEYS, s3=None)
    store = Store("training-job", tmp_path / "records")
    job = StoppedAt(platform, store, dict(RECORD), "x/xgboost:1", tmp_path / "job")
    job.start()
    job.thread.join(60)
    assert job.describe()["TrainingJobStatus"] == "Stopped"
    assert store.found("job")["TrainingJobStatus"] == "Stopped"
    assert list(tmp_path.rglob("log.txt")) == []


def test_a_job_stopped_while_its_model_is_uploaded_is_stopped(tmp_path: Path) -> None:
    class Quick(TrainingJob):
        def _work(self, cluster: Any) -> None:
            self._enter("Uploading")
            self.stop()

    platform = Platform(tmp_path, "http://127.0.0.1:1", KEYS, s3=None)
    job = Quick(platform, Store("training-job", tmp_path / "records"), dict(RECORD), "x/xgboost:1", tmp_path / "job")
    job.start()
    job.thread.join(60)
    assert (job.status, job.describe()["SecondaryStatus"]) == ("Stopped", "Stopped")


def test_an_endpoint_deleted_while_its_model_downloads_starts_no_program(tmp_path: Path) -> None:
    downloads = []

    class Storage:
        def download_file(self, bucket: str, key: str, path: str) -> None:
            downloads.append(key)
            endpoint.delete()
            with tarfile.open(path, "w:gz") as packed:
                packed.addfile(tarfile.TarInfo("xgboost-model"), io.BytesIO())

    platform = Platform(tmp_path, "http://127.0.0.1:1", KEYS, Storage())
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    containers = [{"Image": "x/xgboost:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}]
    record = {"EndpointName": "e", "EndpointArn": "arn", "EndpointConfigName": "c", "CreationTime": 0.0}
    endpoint = Endpoint(
        platform,
        Store("endpoint", tmp_path / "records"),
        record,
        lambda name: Deployment(platform, "e", config, lambda model: containers, tmp_path / "endpoint"),
    )
    endpoint.start()
    assert endpoint.thread is not None
    endpoint.thread.join(60)
    assert endpoint.status == "Deleting"
    assert downloads == ["model.tar.gz"]
    assert [path for path in (tmp_path / "endpoint").rglob("*") if path.is_file()] == []
