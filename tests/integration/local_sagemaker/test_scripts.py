"""Scripts in the images of frameworks: what they import there, on several hosts, and served as the SDK packs them."""

import io
import json
import tarfile
from typing import Any

import numpy as np
import pytest
import xgboost

from sparring.container.isolation import can_isolate

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
# As AWS's examples train on several hosts: the first one that has data writes the model.
RABIT = """
import json, os
import xgboost as xgb
from sagemaker_containers import entry_point
from sagemaker_xgboost_container import distributed
from sagemaker_xgboost_container.data_utils import get_dmatrix

def fit(rows, folder, is_master):
    booster = xgb.train({"max_depth": 2, "nthread": 1}, rows, 5)
    if is_master:
        booster.save_model(folder + "/model.ubj")

def model_fn(folder):
    return xgb.Booster(model_file=folder + "/model.ubj")

if __name__ == "__main__":
    entry_point._wait_hostname_resolution()
    channel = os.environ["SM_CHANNEL_TRAIN"]
    rows = get_dmatrix(channel, "libsvm") if os.listdir(channel) else None
    distributed.rabit_run(
        exec_fun=fit,
        args={"rows": rows, "folder": os.environ["SM_MODEL_DIR"]},
        include_in_training=rows is not None,
        hosts=json.loads(os.environ["SM_HOSTS"]),
        current_host=os.environ["SM_CURRENT_HOST"],
        update_rabit_args=True,
    )
"""
# Names /opt/ml itself, and answers with what the toolkit's packages give.
ABSOLUTE = """
import json
from sagemaker_inference import content_types, encoder
from sagemaker_training import environment

def model_fn(model_dir, context):
    return json.load(open("/opt/ml/model/weights.json"))

def transform_fn(model, data, content_type, accept):
    return encoder.encode([float(cell) * model["by"] for cell in data.split(",")], accept), content_types.JSON

if __name__ == "__main__":
    given = json.load(open("/opt/ml/input/config/hyperparameters.json"))
    assert environment.Environment().hyperparameters["by"] == 3
    json.dump({"by": int(given["by"])}, open("/opt/ml/model/weights.json", "w"))
"""


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def trained(cloud: Any, image: str, script: str, hosts: int = 1, **given: Any) -> tuple[dict[str, Any], str]:
    """Return a job of a script, and where its source is."""
    source = cloud.put(source__tar__gz=packed({"script.py": script.encode()})) + "source.tar.gz"
    named = {"sagemaker_program": "script.py", "sagemaker_submit_directory": source}
    parameters = named | given.pop("HyperParameters", {})
    specification = {"TrainingImage": f"{REGISTRY}/{image}", "TrainingInputMode": "File"}
    encoded = {name: json.dumps(value) for name, value in parameters.items()}
    job = cloud.train("", hosts=hosts, AlgorithmSpecification=specification, **given, HyperParameters=encoded)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    return job, source


def deployed(cloud: Any, image: str, model: str, **environment: str) -> str:
    name = cloud.name()
    container = {"Image": f"{REGISTRY}/{image}", "ModelDataUrl": model, "Environment": environment}
    cloud.sagemaker.create_model(ModelName=name, ExecutionRoleArn=cloud.aws.role_arn, PrimaryContainer=container)
    return cloud.deploy(cloud.variant(model=name))


def test_hosts_with_data_train_together_and_the_image_serves_what_they_made(cloud: Any) -> None:
    drawn = np.random.default_rng(0).normal(size=(90, 3)).astype(np.float32).round(3)
    lines = [f"{row.sum():.3f} 0:{row[0]} 1:{row[1]} 2:{row[2]}" for row in drawn]
    # The third host has no file: it must end well, and the others not wait for it.
    uri = cloud.put(a="\n".join(lines[:40]), b="\n".join(lines[40:]))
    channel = cloud.channel(uri, "train", "ShardedByS3Key")
    job, source = trained(cloud, "sagemaker-xgboost:3.0-5", RABIT, hosts=3, InputDataConfig=[channel])
    booster = xgboost.Booster(model_file=bytearray(cloud.model(job)["model.ubj"]))
    whole = xgboost.DMatrix(drawn, np.array([float(line.split()[0]) for line in lines]))
    alone = xgboost.train({"max_depth": 2, "nthread": 1}, whole, 5).predict(whole)
    assert np.abs(booster.predict(whole) - alone).mean() < 0.1 * np.abs(alone).mean()

    served = deployed(
        cloud,
        "sagemaker-xgboost:3.0-5",
        job["ModelArtifacts"]["S3ModelArtifacts"],
        SAGEMAKER_PROGRAM="script.py",
        SAGEMAKER_SUBMIT_DIRECTORY=source,
    )
    body = "\n".join(lines[:2])
    for kind in ("text/libsvm", "text/x-libsvm"):
        assert json.loads(cloud.invoke(served, body, kind)) == booster.predict(whole).tolist()[:2]
    rows = "\n".join(",".join(map(str, row)) for row in drawn[:2])
    assert json.loads(cloud.invoke(served, rows)) == booster.predict(whole).tolist()[:2]


@pytest.mark.skipif(not can_isolate(), reason="needs a mount namespace of its own: Linux, as root")
def test_a_script_that_names_opt_ml_trains_and_serves_as_the_sdk_packs_it(cloud: Any) -> None:
    job, _ = trained(cloud, "pytorch-training:2.6", ABSOLUTE, HyperParameters={"by": 3})
    repacked = packed(cloud.model(job) | {"code/script.py": ABSOLUTE.encode()})
    model = cloud.put(model__tar__gz=repacked) + "model.tar.gz"
    directory = {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code", "SAGEMAKER_PROGRAM": "script.py"}
    served = deployed(cloud, "pytorch-inference:2.6", model, **directory)
    assert json.loads(cloud.invoke(served, "1,2", Accept="application/json")) == [3.0, 6.0]
