"""Training jobs: CreateTrainingJob really runs its algorithm, through SageMaker's real statuses."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from sparring.sagemaker.local.images import find_image, refusal
from sparring.sagemaker.local.model import AwsError
from sparring.sagemaker.local.processes import Program
from sparring.sagemaker.local.storage import ACCOUNT, REGION, download_prefix, upload_archive

FAILURE_CHARACTERS = 1_024
DEFAULT_MAX_RUNTIME = 86_400
MESSAGES = {
    "Starting": "Preparing the local stand-in for training",
    "Downloading": "Downloading input data",
    "Training": "Training the algorithm as a local process",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "Stopping": "Stopping the training job",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
}


class StopRequested(Exception):
    """Raised inside a job when it was stopped, by a request or by its time limit."""


class TrainingJob:
    """One training job and its process.

    Parameters
    ----------
    request : dict
        A valid CreateTrainingJob request.
    folder : Path
        The job's folder; the container's tree is below it.
    s3 : boto3 S3 client
    """

    def __init__(self, request: dict[str, Any], folder: Path, s3: Any) -> None:
        self.request, self.s3 = request, s3
        self.name: str = request["TrainingJobName"]
        self.folder, self.base = folder, folder / "opt-ml"
        self.created = self.modified = time.time()
        self.started: float | None = None
        self.ended: float | None = None
        self.status, self.secondary, self.failure = "InProgress", "Starting", ""
        self.transitions: list[dict[str, Any]] = []
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._timed_out = False
        self._program: Program | None = None
        self._move("Starting")
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def arn(self) -> str:
        """The job's ARN."""
        return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{self.name}"

    @property
    def model_uri(self) -> str:
        """Where the model is put when the job completes."""
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output/model.tar.gz"

    def stop(self) -> None:
        """Ask the job to stop, as StopTrainingJob does."""
        with self._lock:
            if self.status not in ("InProgress", "Stopping"):
                raise AwsError("ValidationException", f"The training job {self.name} is {self.status}, not running")
            self._stop.set()
            self._move("Stopping", status="Stopping")
        if self._program is not None:
            threading.Thread(target=self._program.end, daemon=True).start()

    def kill(self) -> None:
        """End the job's process at once: the server goes down."""
        with self._lock:
            self._stop.set()
        if self._program is not None:
            self._program.end(grace=0.5)

    def describe(self) -> dict[str, Any]:
        """Return the answer of DescribeTrainingJob."""
        with self._lock:
            given = {key: value for key, value in self.request.items() if key not in ("Tags",)}
            times = {"TrainingStartTime": self.started, "TrainingEndTime": self.ended}
            answer = {
                **given,
                "TrainingJobArn": self.arn,
                "TrainingJobStatus": self.status,
                "SecondaryStatus": self.secondary,
                "CreationTime": self.created,
                "LastModifiedTime": self.modified,
                "SecondaryStatusTransitions": [dict(entry) for entry in self.transitions],
                **{name: value for name, value in times.items() if value is not None},
            }
            if self.started is not None and self.ended is not None:
                answer["TrainingTimeInSeconds"] = answer["BillableTimeInSeconds"] = max(
                    1, round(self.ended - self.started)
                )
            # A required member of the answer; before completion it says where the model will be.
            answer["ModelArtifacts"] = {"S3ModelArtifacts": self.model_uri}
            if self.failure:
                answer["FailureReason"] = self.failure
            return answer

    def _move(self, secondary: str, status: str | None = None) -> None:
        """Enter a secondary status, closing the one before."""
        with self._lock:
            now = time.time()
            if self.transitions:
                self.transitions[-1]["EndTime"] = now
            message = self.failure or MESSAGES[secondary]
            self.transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
            self.secondary, self.modified = secondary, now
            self.status = status or self.status

    def _run(self) -> None:
        try:
            self._train()
        except StopRequested:
            self._finish("Stopped", "MaxRuntimeExceeded" if self._timed_out else "Stopped")
        except Exception as error:
            self.failure = str(error)[:FAILURE_CHARACTERS]
            self._finish("Failed", "Failed")
        else:
            self._finish("Completed", "Completed")

    def _finish(self, status: str, secondary: str) -> None:
        self.ended = time.time()
        self._move(secondary, status=status)

    def _train(self) -> None:
        image = find_image(self.request["AlgorithmSpecification"].get("TrainingImage", ""))
        if image.module is None:
            raise RuntimeError(refusal(self.request["AlgorithmSpecification"].get("TrainingImage", "(none)")))
        if self.request["ResourceConfig"]["InstanceCount"] != 1:
            raise RuntimeError("ClientError: the local stand-in of SageMaker trains on one instance only")
        self.started = time.time()
        self._enter("Downloading")
        self._lay_out()
        self._enter("Training")
        environment = {
            **self.request.get("Environment", {}),
            "TRAINING_JOB_NAME": self.name,
            "TRAINING_JOB_ARN": self.arn,
            "SPARRING_IMAGE_TAG": image.tag,
        }
        with self._lock:
            # A stop that came before there was a program to end.
            if self._stop.is_set():
                raise StopRequested
            command, log = image.command("train"), self.folder / "log.txt"
            self._program = Program(command, self.base, environment, log)
        code = self._wait(self._program)
        if self._stop.is_set():
            self._save_what_is_there()
            raise StopRequested
        if code != 0:
            raise RuntimeError(self._failure_reason(code))
        self._enter("Uploading")
        self._upload()

    def _save_what_is_there(self) -> None:
        """Upload what a stopped program has left in its model folder, as AWS does."""
        if any((self.base / "model").iterdir()):
            self._move("Uploading")
            self._upload()

    def _upload(self) -> None:
        upload_archive(self.s3, self.base / "model", self.model_uri, self.folder)
        if any((self.base / "output" / "data").iterdir()):
            output_uri = f"{self.model_uri.rpartition('/')[0]}/output.tar.gz"
            upload_archive(self.s3, self.base / "output" / "data", output_uri, self.folder)

    def _enter(self, secondary: str) -> None:
        with self._lock:
            if self._stop.is_set():
                raise StopRequested
            self._move(secondary)

    def _wait(self, program: Program) -> int:
        limit = self.request["StoppingCondition"].get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME)
        try:
            return program.wait(limit)
        except subprocess.TimeoutExpired:
            with self._lock:
                self._timed_out = True
                self._stop.set()
                self._move("Stopping", status="Stopping")
            program.end()
            return program.wait()

    def _failure_reason(self, code: int) -> str:
        failure = self.base / "output" / "failure"
        # A container tells a signal as 128 + its number.
        code = 128 - code if code < 0 else code
        if failure.exists():
            return f"AlgorithmError: {failure.read_text(errors='replace')}, exit code: {code}"
        lines = (self.folder / "log.txt").read_text(errors="replace").strip().splitlines()[-1:]
        return f"AlgorithmError: {' '.join(lines) or 'it printed nothing'}, exit code: {code}"

    def _lay_out(self) -> None:
        """Make the container's tree: configuration files, channels, empty model and output folders."""
        for name in ("input/config", "model", "output/data", "code"):
            (self.base / name).mkdir(parents=True, exist_ok=True)
        channels = self.request.get("InputDataConfig", [])
        config = self.base / "input" / "config"
        _write(config / "hyperparameters.json", self.request.get("HyperParameters", {}))
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
        _write(config / "resourceconfig.json", hosts)
        _write(config / "inputdataconfig.json", {c["ChannelName"]: _channel_config(c) for c in channels})
        for channel in channels:
            source = channel["DataSource"].get("S3DataSource", {})
            if source.get("S3DataType") != "S3Prefix":
                raise RuntimeError("ClientError: the local stand-in of SageMaker reads channels by S3Prefix only")
            folder = self.base / "input" / "data" / channel["ChannelName"]
            folder.mkdir(parents=True, exist_ok=True)
            if download_prefix(self.s3, source["S3Uri"], folder) == 0:
                raise RuntimeError(f"ClientError: Data download failed: no object at {source['S3Uri']}")


def _channel_config(channel: dict[str, Any]) -> dict[str, str]:
    source = channel["DataSource"].get("S3DataSource", {})
    return {
        "ContentType": channel.get("ContentType", ""),
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))
