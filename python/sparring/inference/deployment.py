"""An endpoint for as long as it is needed: real-time, serverless or asynchronous, changed while it serves."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal

from sparring.errors import ParamError, SageMakerError
from sparring.sagemaker.resource_registry import ResourceRegistry
from sparring.sagemaker.resources import ENDPOINT, ENDPOINT_CONFIG, MODEL, delete, poll_seconds
from sparring.sagemaker.target import AwsTarget

START_SECONDS = 1_800.0
MEMORY_MB = tuple(range(1_024, 6_145, 1_024))


@dataclass(frozen=True)
class ServedModel:
    """What a variant's container runs.

    Attributes
    ----------
    image : str
        URI of the image.
    data : str
        ``s3://`` URI of ``model.tar.gz``.
    environment : dict of str to str
        Variables of the container.
    """

    image: str
    data: str
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Instances:
    """Machines that serve a variant, from the moment it is created until it is deleted."""

    instance_type: str = "ml.m5.xlarge"
    count: int = 1

    def request(self) -> dict[str, Any]:
        """Return the members of a production variant."""
        return {"InstanceType": self.instance_type, "InitialInstanceCount": self.count}


@dataclass(frozen=True)
class Serverless:
    """Compute that exists while requests are answered.

    Attributes
    ----------
    memory_mb : int
        1024 to 6144, in steps of 1024; processors come in proportion.
    max_concurrency : int in [1, 200]
        Requests at a time; more are throttled.
    """

    memory_mb: int = 2_048
    max_concurrency: int = 4

    def __post_init__(self) -> None:
        if self.memory_mb not in MEMORY_MB:
            raise ParamError(
                f"Serverless.memory_mb must be one of {', '.join(map(str, MEMORY_MB))}, got {self.memory_mb}",
                "Choose the smallest that holds the model and a request's rows.",
            )
        if not 1 <= self.max_concurrency <= 200:
            raise ParamError(
                f"Serverless.max_concurrency must be in [1, 200], got {self.max_concurrency}",
                "Stay within the account's quota, 10 for a new one.",
            )

    def request(self) -> dict[str, Any]:
        """Return the members of a production variant."""
        return {"ServerlessConfig": {"MemorySizeInMB": self.memory_mb, "MaxConcurrency": self.max_concurrency}}


@dataclass(frozen=True)
class Variant:
    """One model behind an endpoint, and its share of the requests that name no variant.

    Attributes
    ----------
    model : ServedModel
    compute : Instances or Serverless
    name : str
    weight : float
        In proportion to the sum of all variants' weights.
    """

    model: ServedModel
    compute: Instances | Serverless = Instances()
    name: str = "all"
    weight: float = 1.0


@dataclass(frozen=True)
class DataCapture:
    """A copy of requests and answers in S3.

    Attributes
    ----------
    uri : str
        ``s3://`` prefix; what is captured stays there, it is the user's.
    percent : int in [0, 100]
        Share of the requests.
    of : tuple of {"Input", "Output"}
    csv_types, json_types : tuple of str
        Content types that are stored as text; all others in base64.
    """

    uri: str
    percent: int = 100
    of: tuple[Literal["Input", "Output"], ...] = ("Input", "Output")
    csv_types: tuple[str, ...] = ("text/csv", "text/libsvm")
    json_types: tuple[str, ...] = ("application/json", "application/jsonlines")

    def request(self) -> dict[str, Any]:
        """Return this as the member ``DataCaptureConfig`` of CreateEndpointConfig."""
        return {
            "EnableCapture": True,
            "InitialSamplingPercentage": self.percent,
            "DestinationS3Uri": self.uri,
            "CaptureOptions": [{"CaptureMode": mode} for mode in self.of],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": list(self.csv_types),
                "JsonContentTypes": list(self.json_types),
            },
        }


@dataclass(frozen=True)
class AsyncOutput:
    """Makes an endpoint asynchronous.

    Attributes
    ----------
    output, failure : str
        ``s3://`` prefixes of answers and of errors.
    max_concurrent : int in [1, 1000]
        Requests at a time, of each instance.
    """

    output: str
    failure: str
    max_concurrent: int = 4

    def request(self) -> dict[str, Any]:
        """Return this as the member ``AsyncInferenceConfig`` of CreateEndpointConfig."""
        return {
            "OutputConfig": {"S3OutputPath": self.output, "S3FailurePath": self.failure},
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": self.max_concurrent},
        }


class Deployment:
    """Models, endpoint configuration and endpoint, as a context.

    Each resource is recorded before it is created and deleted at the end, the endpoint first: whatever
    interrupts it, nothing stays.

    Parameters
    ----------
    target : AwsTarget
    name : str
        Begins the names of all resources; a unique suffix is added.
    variants : list of Variant
        One, when it is serverless or asynchronous.
    asynchronous : AsyncOutput, optional
    capture : DataCapture, optional
    registry : ResourceRegistry, optional
        Where resources are recorded; in memory when omitted.
    wait_seconds : float, default 1800
        An endpoint that is not in service after this long is given up.

    Attributes
    ----------
    name : str
        The endpoint's.
    start_seconds : float
        From the request until the endpoint was in service.

    Examples
    --------
    >>> with Deployment(target, "churn", [Variant(model)]) as endpoint:           # doctest: +SKIP
    ...     EndpointModel(endpointName=endpoint.name, target=target).transform(rows)
    ...     endpoint.update([Variant(model, weight=9.0), Variant(newer, name="newer")])
    """

    def __init__(
        self,
        target: AwsTarget,
        name: str,
        variants: list[Variant],
        asynchronous: AsyncOutput | None = None,
        capture: DataCapture | None = None,
        registry: ResourceRegistry | None = None,
        wait_seconds: float = START_SECONDS,
    ) -> None:
        self.target, self.variants, self.capture = target, variants, capture
        self.wait_seconds = wait_seconds
        self.asynchronous = asynchronous
        self.name = unique_name(name)
        self.start_seconds = 0.0
        self._registry = registry or ResourceRegistry(target)
        self._client = target.client("sagemaker")
        self._created: list[tuple[str, str]] = []

    def __enter__(self) -> Deployment:
        """Create the endpoint and wait until it is in service.

        Raises
        ------
        SageMakerError
            If it is refused, fails or is not in service after ``wait_seconds``; nothing stays then.
        """
        begun = time.monotonic()
        try:
            config = self._create_config()
            self._record(ENDPOINT, self.name)
            self._client.create_endpoint(EndpointName=self.name, EndpointConfigName=config)
            self._wait(config)
        except BaseException as error:
            self._delete(list(self._created))
            if (refusal := _refusal(error, f"Endpoint {self.name} was not created")) is not None:
                raise refusal from error
            raise
        self.start_seconds = time.monotonic() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delete endpoint, configurations and models.

        Raises
        ------
        SageMakerError
            If SageMaker refuses to delete one; all others are tried, and the registry keeps what stays.
        """
        self._delete(list(self._created))

    def update(self, variants: list[Variant], capture: DataCapture | None = None) -> None:
        """Serve other variants, or the same with other weights, while requests go on being answered.

        Returns when the new variants are in service and the old configuration and models are deleted.

        Raises
        ------
        SageMakerError
            If the new variants do not come into service; the old ones go on serving.
        """
        old = [entry for entry in self._created if entry[0] != ENDPOINT]
        try:
            config = self._create_config(variants, capture)
            self._client.update_endpoint(EndpointName=self.name, EndpointConfigName=config)
            self._wait(config)
        except BaseException:
            self._delete([entry for entry in self._created if entry[0] != ENDPOINT and entry not in old])
            raise
        self.variants, self.capture = variants, capture
        self._delete(old)

    def set_weights(self, weights: dict[str, float]) -> None:
        """Shift traffic between the variants; no container starts or stops."""
        desired = [{"VariantName": name, "DesiredWeight": weight} for name, weight in weights.items()]
        self._client.update_endpoint_weights_and_capacities(EndpointName=self.name, DesiredWeightsAndCapacities=desired)
        self._wait(None)

    def _create_config(self, variants: list[Variant] | None = None, capture: DataCapture | None = None) -> str:
        """Create the models and the configuration, and return its name."""
        chosen, capture = variants or self.variants, capture or self.capture
        name = unique_name(self.name[:-9])
        entries = [self._create_variant(variant) for variant in chosen]
        request: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": entries}
        if capture is not None:
            request["DataCaptureConfig"] = capture.request()
        if self.asynchronous is not None:
            request["AsyncInferenceConfig"] = self.asynchronous.request()
        self._record(ENDPOINT_CONFIG, name)
        self._client.create_endpoint_config(**request)
        return name

    def _create_variant(self, variant: Variant) -> dict[str, Any]:
        name = unique_name(self.name[:-9])
        self._record(MODEL, name)
        create_model(self.target, name, variant.model)
        weight = {} if isinstance(variant.compute, Serverless) else {"InitialVariantWeight": variant.weight}
        return {"VariantName": variant.name, "ModelName": name, **variant.compute.request(), **weight}

    def _wait(self, config: str | None) -> None:
        """Return when the endpoint serves ``config``."""
        deadline = time.monotonic() + self.wait_seconds
        while time.monotonic() < deadline:
            found = self._client.describe_endpoint(EndpointName=self.name)
            status = found["EndpointStatus"]
            if status == "InService" and config in (None, found["EndpointConfigName"]):
                return
            if status in ("Failed", "InService", "UpdateRollbackFailed"):
                reason = found.get("FailureReason", "no reason given")
                raise SageMakerError(f"Endpoint {self.name} failed: {reason}", "See the endpoint's log.")
            time.sleep(poll_seconds(self.target))
        raise SageMakerError(
            f"Endpoint {self.name} was not in service after {self.wait_seconds:g} seconds", "See the endpoint's log."
        )

    def _record(self, kind: str, name: str) -> None:
        self._registry.record(kind, name)
        self._created.append((kind, name))

    def _delete(self, entries: list[tuple[str, str]]) -> None:
        """Delete resources in the order that SageMaker wants - endpoint, configurations, models; each is tried."""
        order = (ENDPOINT, ENDPOINT_CONFIG, MODEL)
        refused = []
        for kind, name in sorted(entries, key=lambda entry: order.index(entry[0])):
            try:
                delete(self.target, kind, name)
            except Exception as error:
                refused.append(_refusal(error, f"{kind} {name} was not deleted and stays") or error)
            else:
                self._registry.forget(kind, name)
                self._created.remove((kind, name))
        if refused:
            raise refused[0]


@contextmanager
def registered(
    target: AwsTarget, name: str, model: ServedModel, registry: ResourceRegistry | None = None
) -> Iterator[str]:
    """Make a model known to SageMaker for the body of the ``with`` statement; the value is its name."""
    registry, name = registry or ResourceRegistry(target), unique_name(name)
    registry.record(MODEL, name)
    try:
        create_model(target, name, model)
        yield name
    finally:
        delete(target, MODEL, name)
        registry.forget(MODEL, name)


def _refusal(error: BaseException, what: str) -> SageMakerError | None:
    """Return a refusal of SageMaker's as an error of ours that says what it hit; None for any other error."""
    from botocore.exceptions import BotoCoreError, ClientError

    if not isinstance(error, (BotoCoreError, ClientError)):
        return None
    return SageMakerError(f"{what}: {error}", "Check role, credentials and quotas.")


def create_model(target: AwsTarget, name: str, model: ServedModel) -> None:
    """Make a model known to SageMaker."""
    container: dict[str, Any] = {"Image": model.image, "ModelDataUrl": model.data}
    if model.environment:
        container["Environment"] = model.environment
    target.client("sagemaker").create_model(ModelName=name, ExecutionRoleArn=target.role, PrimaryContainer=container)


def unique_name(name: str) -> str:
    """Return ``name``, as long as AWS allows, with a suffix of its own: two runs at once must not meet."""
    return f"{name[:54].strip('-')}-{uuid.uuid4().hex[:8]}"
