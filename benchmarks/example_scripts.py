"""Public example scripts, unmodified, trained and served by the local SageMaker.

::

    uv run python benchmarks/example_scripts.py --checkouts FOLDER

``FOLDER`` holds checkouts of aws/amazon-sagemaker-examples, aws/sagemaker-python-sdk (2.x) and
aws/sagemaker-xgboost-container, each in a folder that begins with the repository's name.  Nothing of them is kept
here.  Each script is put in S3 as the SageMaker SDK does it, trained, deployed behind an endpoint and asked once; the
answer is compared with that of the trained model, which the script's own ``model_fn`` loads in this process and which
is asked without any server.  The PyTorch scripts run where torch is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import json
import re
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from example_script_list import CSV, SCRIPTS, Example, Files, Request
from pages import save, table

from sparring.container.framework import toolkit_folders
from sparring.container.isolation import can_isolate
from sparring_local_sagemaker import LocalAws

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
IMAGES = {
    "scikit-learn": f"{REGISTRY}/sagemaker-scikit-learn:1.4-2",
    "xgboost": f"{REGISTRY}/sagemaker-xgboost:3.0-5",
    "pytorch": f"{REGISTRY}/pytorch-training:2.6-cpu-py312",
}
TOLERANCE = 1e-5


def archive(files: Files) -> bytes:
    """Return a ``tar.gz``."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as packed:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    return stream.getvalue()


def source_of(example: Example, script: Path) -> Files:
    """Return the source folder that the SDK would send: scripts side by side, and what they need beside them."""
    files = {script.name: script.read_bytes()}
    for path in (script.parent / name for name in ((example.serves,) if example.serves else ()) + example.besides):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            files[str(Path(path.name) / file.relative_to(path)) if path.is_dir() else file.name] = file.read_bytes()
    return files


def blob_id(data: bytes) -> str:
    """Return the name that Git gives a file's content: which version of the script this is."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()[:10]


class Runner:
    """Trains and serves scripts on one server."""

    def __init__(self, aws: LocalAws, checkouts: Path) -> None:
        self.aws, self.checkouts = aws, checkouts
        self.s3, self.sagemaker = aws.client("s3"), aws.client("sagemaker")
        self.runtime = aws.client("sagemaker-runtime")

    def run(self, number: int, example: Example) -> dict[str, Any]:
        """Return what became of one script."""
        row: dict[str, Any] = {"repository": example.repository, "script": example.script.lstrip("*"), "trained": False}
        row |= {"framework": example.framework, "hosts": example.hosts, "served": False, "note": example.note}
        row |= {"data": example.data, "hyperparameters": example.hyperparameters, "difference": None, "said": ""}
        found = sorted(self.checkouts.glob(f"{example.repository}*/{example.script}"))
        if len(found) != 1:
            return row | {"said": f"{len(found)} such files in the checkouts"}
        row["blob"] = blob_id(found[0].read_bytes())
        if example.framework == "pytorch" and importlib.util.find_spec("torch") is None:
            return row | {"said": "torch is not installed"}
        name, source = f"script-{number}", source_of(example, found[0])
        began = time.monotonic()
        job = self._train(name, example, found[0], archive(source))
        row |= {"trained": job["TrainingJobStatus"] == "Completed", "train_seconds": time.monotonic() - began}
        if not row["trained"]:
            return row | {"said": last_error(job["FailureReason"])}
        began, request = time.monotonic(), example.request()
        model = self._read(job["ModelArtifacts"]["S3ModelArtifacts"])
        try:
            answer = self._served(name, example, source, model, request)
        except Exception as error:
            return row | {"said": last_error(str(error))}
        row |= {"served": True, "serve_seconds": time.monotonic() - began}
        return row | {"difference": self._difference(example, source, model, request, answer)}

    def _read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def _put(self, key: str, data: bytes) -> str:
        self.s3.put_object(Bucket=self.aws.bucket, Key=key, Body=data)
        return f"s3://{self.aws.bucket}/{key}"

    def _train(self, name: str, example: Example, script: Path, source: bytes) -> dict[str, Any]:
        channels = []
        for channel, files in example.channels(self.checkouts, script.parent).items():
            for file, data in files.items():
                self._put(f"{name}/{channel}/{file}", data)
            uri = f"s3://{self.aws.bucket}/{name}/{channel}/"
            how = "ShardedByS3Key" if example.hosts > 1 and channel == "train" else "FullyReplicated"
            where = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": how}
            channels.append({"ChannelName": channel, "DataSource": {"S3DataSource": where}})
        uri = self._put(f"{name}/sourcedir.tar.gz", source)
        given = {"sagemaker_program": script.name, "sagemaker_submit_directory": uri, **example.hyperparameters}
        self.sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": IMAGES[example.framework], "TrainingInputMode": "File"},
            RoleArn=self.aws.role_arn,
            InputDataConfig=channels,
            OutputDataConfig={"S3OutputPath": f"s3://{self.aws.bucket}/out"},
            ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": example.hosts, "VolumeSizeInGB": 5},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
            HyperParameters={key: json.dumps(value) for key, value in given.items()},
        )
        while True:
            job = self.sagemaker.describe_training_job(TrainingJobName=name)
            if job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
                return job
            time.sleep(0.1)

    def _served(self, name: str, example: Example, source: Files, model: bytes, request: Request) -> bytes:
        """Return the endpoint's answer; PyTorch's model is packed anew with its code, the others' code is in S3."""
        program = Path(example.serves).name if example.serves else next(iter(source))
        where = f"s3://{self.aws.bucket}/{name}/sourcedir.tar.gz"
        if example.framework == "pytorch":
            with tarfile.open(fileobj=io.BytesIO(model)) as packed:
                inner = {m.name: packed.extractfile(m).read() for m in packed if m.isfile()}  # type: ignore[union-attr]
            model, where = archive(inner | {f"code/{key}": data for key, data in source.items()}), "/opt/ml/model/code"
        container = {
            "Image": IMAGES[example.framework].replace("pytorch-training", "pytorch-inference"),
            "ModelDataUrl": self._put(f"{name}/model.tar.gz", model),
            "Environment": {"SAGEMAKER_PROGRAM": program, "SAGEMAKER_SUBMIT_DIRECTORY": where},
        }
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.aws.role_arn, PrimaryContainer=container)
        variant = {"VariantName": "v", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        while (endpoint := self.sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] == "Creating":
            time.sleep(0.1)
        if endpoint["EndpointStatus"] != "InService":
            raise RuntimeError(endpoint["FailureReason"])
        try:
            asked = {"Body": request.body, "ContentType": request.content_type, "Accept": request.accept}
            return self.runtime.invoke_endpoint(EndpointName=name, **asked)["Body"].read()
        finally:
            self.sagemaker.delete_endpoint(EndpointName=name)

    def _difference(self, example: Example, source: Files, model: bytes, request: Request, answer: bytes) -> float:
        """Return how far the answer is from what the model says in this process."""
        with tempfile.TemporaryDirectory() as folder:
            code, home = Path(folder) / "code", Path(folder) / "model"
            for name, data in source.items():
                (code / name).parent.mkdir(parents=True, exist_ok=True)
                (code / name).write_bytes(data)
            with tarfile.open(fileobj=io.BytesIO(model)) as packed:
                packed.extractall(home, filter="data")
            program = Path(example.serves).name if example.serves else next(iter(source))
            expected = np.asarray(request.expected(imported(code / program, example.framework).model_fn(str(home))))
        found, expected = numbers(answer, request.accept), expected.astype(float).ravel()
        return float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")


def imported(script: Path, framework: str) -> ModuleType:
    """Return a script as a module, in what its image has."""
    sys.path[:0] = [str(script.parent), *toolkit_folders(framework)]
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers(answer: bytes, accept: str) -> np.ndarray:
    """Return all numbers of an answer, in their order."""
    if accept == CSV:
        return np.array(re.split(r"[,\s]+", answer.decode().strip()), dtype=float)
    found: list[float] = []

    def walk(value: Any) -> None:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)
        if isinstance(value, int | float):
            found.append(float(value))

    walk(json.loads(answer))
    return np.array(found)


def last_error(text: str) -> str:
    """Return the last line that names an exception; the others hold paths of this machine."""
    named = [line for line in text.splitlines() if re.match(r"\w+(Error|Exception): ", line)] or ["the log says more"]
    return re.sub(r" \(/[^)]*\)", "", named[-1])


# -- page --------------------------------------------------------------------------------------------


def page(rows: list[dict[str, Any]], isolated: bool) -> str:
    """Return the page."""
    good = [row for row in rows if row["difference"] is not None and row["difference"] <= TOLERANCE]
    lines = []
    for row in rows:
        script = row["script"].removeprefix("/")
        on = f"{row['repository']}: `{script}`"
        difference = "" if row["difference"] is None else f"{row['difference']:.1e}"
        said = ". ".join(filter(None, (row["note"], row["said"]))).replace("|", "/")
        yes = ["yes" if row[key] else "no" for key in ("trained", "served")]
        given = ", ".join(f"{key}={value}" for key, value in row["hyperparameters"].items()) or "none"
        lines.append([on, row.get("blob", ""), row["framework"], row["data"], given, *yes, difference, said])
    mounted = "Each script had a real `/opt/ml` of its own." if isolated else "No script had a real `/opt/ml`."
    head = ["script", "blob", "image", "data", "hyperparameters", "trained", "served", "largest difference", "note"]
    return f"""# Public example scripts, trained and served

`uv run python benchmarks/example_scripts.py --checkouts FOLDER` takes scripts, unmodified, from checkouts of AWS's
repositories, trains each by CreateTrainingJob with the image of its framework, deploys what it trained and asks the
endpoint once. `largest difference` is that between the endpoint's answer and the trained model's own, which the
script's `model_fn` loads in another process. `blob` is Git's name of the script's content.

No image was registered. {mounted}
{len(good)} of {len(rows)} scripts were trained, served and answered as their model within {TOLERANCE:g}.

{table(head, lines)}

Data that the examples download from elsewhere was drawn by the benchmark in the documented columns.
"""


def main() -> None:
    """Run every script and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkouts", type=Path, required=True, help="folder of checkouts")
    parser.add_argument("--only", default="", help="part of the names of the scripts to run; then no page is written")
    given = parser.parse_args()
    with LocalAws() as aws:
        runner = Runner(aws, given.checkouts.resolve())
        chosen = [example for example in SCRIPTS if given.only in example.script]
        rows = [runner.run(number, example) for number, example in enumerate(chosen)]
    if given.only:
        print(json.dumps(rows, indent=2))
        return
    save("example_scripts", rows, page(rows, can_isolate()))


if __name__ == "__main__":
    main()
