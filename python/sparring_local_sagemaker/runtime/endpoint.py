"""An endpoint: Creating, InService, Updating, Failed, Deleting, and what answers its invocations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.asynchronous import Asynchronous, Ticket
from sparring_local_sagemaker.runtime.capture import Capture
from sparring_local_sagemaker.runtime.deployment import Deployment
from sparring_local_sagemaker.runtime.replica import INVOKE_SECONDS, Answer, Ended, Request
from sparring_local_sagemaker.state import Record, Store

BODY_LIMIT = 6_291_456
SERVERLESS_BODY_LIMIT = 4 << 20
SERVES = ("InService", "Updating")


class Invocation(NamedTuple):
    """An answer and the variant that gave it."""

    answer: Answer
    variant: str


class Endpoint:
    """One endpoint.

    Parameters
    ----------
    platform : Platform
    store : Store
        Keeps the endpoint's record.
    record : dict
        Name, ARN, configuration's name and times.
    deploy : callable
        Configuration's name -> a :class:`Deployment`, not yet started.
    """

    def __init__(self, platform: Platform, store: Store, record: Record, deploy: Callable[[str], Deployment]) -> None:
        self.platform, self.store, self.record, self._deploy = platform, store, record, deploy
        self.name: str = record["EndpointName"]
        self.deployment: Deployment | None = None
        self._next: Deployment | None = None
        self._capture: Capture | None = None
        self._queue: Asynchronous | None = None
        self._deleted = False
        self._lock = threading.RLock()
        self.thread: threading.Thread | None = None

    @property
    def status(self) -> str:
        """The endpoint's status."""
        status: str = self.record["EndpointStatus"]
        return status

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Create the endpoint in the background."""
        self._enter("Creating")
        self._begin(self.record["EndpointConfigName"], failed="Failed")

    def update(self, config: str) -> None:
        """Serve another configuration as soon as it is in service; until then the old one serves."""
        with self._lock:
            self._require("InService", "Failed")
            self._enter("Updating")
        self._begin(config, failed="InService" if self.deployment is not None else "Failed")

    def adjust(self, desired: list[Record]) -> None:
        """Change weights and counts, in the background, while the endpoint serves."""
        with self._lock:
            self._require("InService")
            assert self.deployment is not None
            _check_variants(desired, self.deployment.variants, self.record["EndpointConfigName"])
            self._enter("Updating")
        self._run(lambda: self._adjust(desired))

    def _adjust(self, desired: list[Record]) -> None:
        assert self.deployment is not None
        try:
            self.deployment.adjust(desired)
        except Exception as error:
            self._enter("InService", sure=True, FailureReason=str(error)[:1_024])
        else:
            self._enter("InService", sure=True)

    def _begin(self, config: str, failed: str) -> None:
        self._run(lambda: self._replace(config, failed))

    def _run(self, work: Callable[[], None]) -> None:
        self.thread = threading.Thread(target=work, name=self.name, daemon=True)
        self.thread.start()

    def _replace(self, config: str, failed: str) -> None:
        """Start a deployment; put it in the place of the one before, or go on with that one."""
        try:
            self.platform.suffer(f"Endpoint:{self.status}", self.name, lambda: self._deleted)
            fresh = self._deploy(config)
            with self._lock:
                if self._deleted:
                    return
                self._next = fresh
            fresh.start()
        except Ended:
            return
        except Exception as error:
            self._enter(failed, sure=True, FailureReason=str(error)[:1_024])
            return
        with self._lock:
            if self._deleted:
                fresh.end()
                return
            self._next = None
            try:
                self._enter("InService", EndpointConfigName=config, FailureReason=None)
            except AwsError as error:
                # A restart would serve the configuration before, so this one does.
                fresh.end()
                self._enter(failed, sure=True, FailureReason=str(error)[:1_024])
                return
            before, self.deployment = self.deployment, fresh
            self._attach(fresh)
        if before is not None:
            before.end(drain_seconds=INVOKE_SECONDS)

    def _attach(self, deployment: Deployment) -> None:
        """Capture and queue as the configuration says."""
        self._detach()
        config, s3 = deployment.config, self.platform.s3
        if "DataCaptureConfig" in config:
            self._capture = Capture(s3, self.name, config["DataCaptureConfig"])
        if "AsyncInferenceConfig" in config:
            count = sum(variant["InitialInstanceCount"] for variant in config["ProductionVariants"])
            self._queue = Asynchronous(s3, config["AsyncInferenceConfig"], count, self._invoke_queued)

    def _detach(self) -> None:
        if self._capture is not None:
            self._capture.flush()
        if self._queue is not None:
            self._queue.close()
        self._capture = self._queue = None

    def delete(self) -> None:
        """End every process; what is being created is not."""
        with self._lock:
            self._deleted = True
            self._enter("Deleting")
            deployments = [self.deployment, self._next]
        for deployment in deployments:
            if deployment is not None:
                deployment.end()
        self._detach()

    def _require(self, *statuses: str) -> None:
        if self.status not in statuses:
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{self.record["EndpointArn"]}".')

    def _enter(self, status: str, sure: bool = False, **members: Any) -> None:
        with self._lock:
            if self._deleted and status != "Deleting":
                return
            fresh = {**self.record, "EndpointStatus": status, "LastModifiedTime": time.time(), **members}
            fresh = {name: value for name, value in fresh.items() if value is not None}
            self.record = self.store.put(self.name, fresh, sure) if status != "Deleting" else fresh

    def describe(self) -> Record:
        """Return the answer of DescribeEndpoint."""
        with self._lock:
            answer = dict(self.record)
            if self.deployment is not None:
                answer["ProductionVariants"] = self.deployment.summaries()
                config = self.deployment.config
                if "AsyncInferenceConfig" in config:
                    answer["AsyncInferenceConfig"] = config["AsyncInferenceConfig"]
                if "DataCaptureConfig" in config:
                    answer["DataCaptureConfig"] = _capture_summary(config["DataCaptureConfig"])
            return answer

    # -- invocations ---------------------------------------------------------------------------------

    def invoke(self, request: Request, target: str | None = None, inference_id: str | None = None) -> Invocation:
        """Return the answer of one of the variants.

        Raises
        ------
        AwsError
            ``ValidationError`` if the endpoint does not serve, is asynchronous, or the body is too large.
            ``ModelError`` (424) if the container answers an error or not at all.
        """
        deployment = self._serving()
        if self._queue is not None:
            raise AwsError("ValidationError", f"Endpoint {self.name} is asynchronous: use InvokeEndpointAsync")
        serverless = any("ServerlessConfig" in entry for entry in deployment.config["ProductionVariants"])
        limit = SERVERLESS_BODY_LIMIT if serverless else BODY_LIMIT
        if request.size > limit:
            raise AwsError("ValidationError", f"Body of {request.size} bytes is larger than {limit}", 413)
        with deployment.in_use():
            variant = deployment.choose(target)
            answer = variant.invoke(request)
        if self._capture is not None:
            self._capture.record(variant.name, request, answer, inference_id)
        return Invocation(answer, variant.name)

    def invoke_later(self, headers: dict[str, str], location: str, seconds: float, ttl: float) -> Ticket:
        """Queue an asynchronous invocation; see :meth:`Asynchronous.submit`."""
        self._serving()
        if self._queue is None:
            raise AwsError("ValidationError", f"Endpoint {self.name} is not asynchronous: use InvokeEndpoint")
        return self._queue.submit(headers, location, seconds, ttl)

    def _invoke_queued(self, request: Request, seconds: float) -> Answer:
        deployment = self._serving()
        with deployment.in_use():
            return deployment.choose().invoke(request, seconds)

    def _serving(self) -> Deployment:
        deployment = self.deployment
        if self.status not in SERVES or deployment is None:
            raise AwsError("ValidationError", f"Endpoint {self.name} of account {ACCOUNT} is {self.status}.")
        return deployment


def _check_variants(desired: list[Record], known: Iterable[str], config: str) -> None:
    """Raise as AWS does if a variant is given twice, or is not there."""
    names = [entry["VariantName"] for entry in desired]
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise AwsError("ValidationException", f'The variant name "{twice}" was non-unique within the request.')
    unknown = [name for name in names if name not in known]
    if unknown:
        shown = ", ".join(unknown)
        raise AwsError(
            "ValidationException",
            f'The variant name(s) "{shown}" is/are not present within endpoint configuration "{config}".',
        )


def _capture_summary(config: Record) -> Record:
    return {
        "EnableCapture": config.get("EnableCapture", True),
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
