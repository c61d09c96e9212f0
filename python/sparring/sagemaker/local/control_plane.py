"""SageMaker's control plane: operations on training jobs, models, endpoint configurations and endpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparring.sagemaker.local.endpoints import Endpoint, arn
from sparring.sagemaker.local.jobs import TrainingJob
from sparring.sagemaker.local.model import AwsError, check_answer, check_request, operation

Answer = dict[str, Any]


class ControlPlane:
    """The state of one local SageMaker.

    Parameters
    ----------
    state : Path
        Folder of jobs and endpoints.
    s3 : boto3 S3 client
    """

    def __init__(self, state: Path, s3: Any) -> None:
        self.state, self.s3 = state, s3
        self.jobs: dict[str, TrainingJob] = {}
        self.models: dict[str, Answer] = {}
        self.configs: dict[str, Answer] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self._lock = threading.RLock()
        self._operations: dict[str, Callable[[Answer], Answer]] = {
            "CreateTrainingJob": self._create_training_job,
            "DescribeTrainingJob": lambda r: self._job(r).describe(),
            "StopTrainingJob": self._stop_training_job,
            "ListTrainingJobs": self._list_training_jobs,
            "CreateModel": lambda r: self._create("model", self.models, "ModelName", "ModelArn", r),
            "DescribeModel": lambda r: self._found("model", self.models, r["ModelName"]),
            "DeleteModel": lambda r: self._delete("model", self.models, r["ModelName"]),
            "ListModels": lambda r: self._list(self.models, r, "Models", ("ModelName", "ModelArn")),
            "CreateEndpointConfig": lambda r: self._create(
                "endpoint-config", self.configs, "EndpointConfigName", "EndpointConfigArn", r
            ),
            "DescribeEndpointConfig": lambda r: self._found("endpoint-config", self.configs, r["EndpointConfigName"]),
            "DeleteEndpointConfig": lambda r: self._delete("endpoint-config", self.configs, r["EndpointConfigName"]),
            "ListEndpointConfigs": lambda r: self._list(
                self.configs, r, "EndpointConfigs", ("EndpointConfigName", "EndpointConfigArn")
            ),
            "CreateEndpoint": self._create_endpoint,
            "DescribeEndpoint": lambda r: self.endpoint(r["EndpointName"]).describe(),
            "DeleteEndpoint": self._delete_endpoint,
            "ListEndpoints": self._list_endpoints,
        }

    def call(self, name: str, request: Answer) -> Answer:
        """Return the answer of operation ``name``, both checked against AWS's own model.

        Raises
        ------
        AwsError
            In AWS's shape; also for operations that this stand-in does not have.
        """
        operation(name)
        check_request(name, request)
        if name not in self._operations:
            raise AwsError(
                "UnknownOperationException",
                f"The local stand-in of SageMaker does not have {name}; it has {', '.join(sorted(self._operations))}",
            )
        with self._lock:
            answer = self._operations[name](request)
        check_answer(name, answer)
        return answer

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of that name, or raise as AWS does."""
        if name not in self.endpoints:
            raise AwsError("ValidationException", f'Could not find endpoint "{arn("endpoint", name)}".')
        return self.endpoints[name]

    def shut_down(self) -> None:
        """End every process."""
        for job in self.jobs.values():
            job.kill()
        for endpoint in self.endpoints.values():
            endpoint.delete()

    # -- training jobs -----------------------------------------------------------------------------

    def _create_training_job(self, request: Answer) -> Answer:
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise AwsError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with "
                f"this name already exists ({self.jobs[name].arn})",
            )
        # A kept state folder may hold a job of that name from an earlier server.
        folder = self.state / "training-jobs" / f"{name}-{time.time_ns()}"
        folder.mkdir(parents=True)
        job = self.jobs[name] = TrainingJob(request, folder, self.s3)
        job.thread.start()
        return {"TrainingJobArn": job.arn}

    def _job(self, request: Answer) -> TrainingJob:
        name = request["TrainingJobName"]
        if name not in self.jobs:
            raise AwsError("ValidationException", "Requested resource not found.")
        return self.jobs[name]

    def _stop_training_job(self, request: Answer) -> Answer:
        self._job(request).stop()
        return {}

    def _list_training_jobs(self, request: Answer) -> Answer:
        jobs = [job.describe() for job in self.jobs.values() if request.get("NameContains", "") in job.name]
        wanted = request.get("StatusEquals")
        members = (
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingJobStatus",
            "LastModifiedTime",
        )
        return {
            "TrainingJobSummaries": [
                {member: job[member] for member in members}
                for job in jobs
                if wanted is None or job["TrainingJobStatus"] == wanted
            ][: request.get("MaxResults", 100)]
        }

    # -- models and endpoint configurations --------------------------------------------------------

    def _create(
        self, kind: str, known: dict[str, Answer], name_member: str, arn_member: str, request: Answer
    ) -> Answer:
        name = request[name_member]
        if name in known:
            raise AwsError("ValidationException", f'Cannot create already existing {kind} "{arn(kind, name)}".')
        for variant in request.get("ProductionVariants", []):
            self._found("model", self.models, variant.get("ModelName", ""))
        kept = {key: value for key, value in request.items() if key != "Tags"}
        known[name] = {**kept, arn_member: arn(kind, name), "CreationTime": time.time()}
        return {arn_member: arn(kind, name)}

    def _found(self, kind: str, known: dict[str, Answer], name: str) -> Answer:
        if name not in known:
            raise AwsError("ValidationException", f'Could not find {kind} "{arn(kind, name)}".')
        return known[name]

    def _delete(self, kind: str, known: dict[str, Answer], name: str) -> Answer:
        self._found(kind, known, name)
        del known[name]
        return {}

    def _list(self, known: dict[str, Answer], request: Answer, member: str, shown: tuple[str, str]) -> Answer:
        entries = [entry for name, entry in known.items() if request.get("NameContains", "") in name]
        kept = [{key: entry[key] for key in (*shown, "CreationTime")} for entry in entries]
        return {member: kept[: request.get("MaxResults", 100)]}

    # -- endpoints ---------------------------------------------------------------------------------

    def _create_endpoint(self, request: Answer) -> Answer:
        name = request["EndpointName"]
        if name in self.endpoints:
            raise AwsError("ValidationException", f'Cannot create already existing endpoint "{arn("endpoint", name)}".')
        config = self._found("endpoint-config", self.configs, request["EndpointConfigName"])
        model = self._found("model", self.models, config["ProductionVariants"][0]["ModelName"])
        folder = self.state / "endpoints" / f"{name}-{time.time_ns()}"
        (folder / "opt-ml").mkdir(parents=True)
        endpoint = self.endpoints[name] = Endpoint(name, config, model, folder, self.s3)
        endpoint.thread.start()
        return {"EndpointArn": arn("endpoint", name)}

    def _delete_endpoint(self, request: Answer) -> Answer:
        self.endpoint(request["EndpointName"]).delete()
        del self.endpoints[request["EndpointName"]]
        return {}

    def _list_endpoints(self, request: Answer) -> Answer:
        members = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")
        found = [e.describe() for name, e in self.endpoints.items() if request.get("NameContains", "") in name]
        return {"Endpoints": [{member: entry[member] for member in members} for entry in found]}
