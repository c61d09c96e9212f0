"""Stopping and deleting at the worst moment: when the program is about to start."""

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from sparring.sagemaker.local.endpoints import Endpoint
from sparring.sagemaker.local.jobs import TrainingJob

REQUEST: dict[str, Any] = {
    "TrainingJobName": "job",
    "AlgorithmSpecification": {"TrainingImage": "x/xgboost:1", "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@pytest.mark.parametrize("status", ["Downloading", "Training"])
@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_job_stopped_as_its_program_is_about_to_start_starts_none(tmp_path: Path, how: str, status: str) -> None:
    class StoppedAt(TrainingJob):
        def _enter(self, secondary: str) -> None:
            super()._enter(secondary)
            if secondary == status:
                getattr(self, how)()

    job = StoppedAt(REQUEST, tmp_path / "job", s3=None)
    job.thread.start()
    job.thread.join(60)
    assert job.describe()["TrainingJobStatus"] == "Stopped"
    assert not (tmp_path / "job" / "log.txt").exists()


def test_an_endpoint_deleted_while_its_model_downloads_starts_no_program(tmp_path: Path) -> None:
    class Storage:
        def download_file(self, bucket: str, key: str, path: str) -> None:
            endpoint.delete()
            with tarfile.open(path, "w:gz") as packed:
                packed.addfile(tarfile.TarInfo("xgboost-model"), io.BytesIO())

    model = {"PrimaryContainer": {"Image": "x/xgboost:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}}
    (tmp_path / "opt-ml").mkdir()
    endpoint = Endpoint("e", {"EndpointConfigName": "c"}, model, tmp_path, Storage())
    endpoint.thread.start()
    endpoint.thread.join(60)
    assert endpoint.status == "Deleting"
    assert (tmp_path / "opt-ml" / "model" / "xgboost-model").exists()
    assert not (tmp_path / "log.txt").exists()
