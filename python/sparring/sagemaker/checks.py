"""Is a request good?  Checked against botocore's model and the documented limits before anything is uploaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sparring.errors import ConfigError
from sparring.sagemaker.request import key_of
from sparring.wire.service_model import request_faults

OPERATION = "CreateTrainingJob"
FAULT = re.compile(r"^Value (?P<value>.*) at '(?P<place>[^']*)' failed to satisfy constraint: (?P<what>.*)$", re.S)
NULL = "Member must not be null"
# Amazon SageMaker developer guide, "Stop a Training Job Early": 28 days.
LONGEST_RUN = 2_419_200
LARGEST_VOLUME = 16_384

# Everything that sagemaker-pyspark 1.4.5 puts into its request (SageMakerEstimator.buildCreateTrainingJobRequest).
LIBRARY_MEMBERS = frozenset(
    {
        "TrainingJobName",
        "HyperParameters",
        "RoleArn",
        "AlgorithmSpecification.TrainingImage",
        "AlgorithmSpecification.TrainingInputMode",
        "InputDataConfig.ChannelName",
        "InputDataConfig.ContentType",
        "InputDataConfig.CompressionType",
        "InputDataConfig.DataSource.S3DataSource.S3Uri",
        "InputDataConfig.DataSource.S3DataSource.S3DataType",
        "InputDataConfig.DataSource.S3DataSource.S3DataDistributionType",
        "OutputDataConfig.S3OutputPath",
        "OutputDataConfig.KmsKeyId",
        "ResourceConfig.InstanceType",
        "ResourceConfig.InstanceCount",
        "ResourceConfig.VolumeSizeInGB",
        "StoppingCondition.MaxRuntimeInSeconds",
    }
)


def check_request(request: dict[str, Any]) -> None:
    """Raise unless SageMaker would take ``request``, as far as its model and documented limits tell.

    Raises
    ------
    ConfigError
        Listing every fault, each with the configuration's key and the member of the request; what is missing
        comes first, together.
    """
    missing, wrong = _model_faults(request)
    wrong += [f"{key_of(member)} ({member}): {what}" for member, what in _limit_faults(request)]
    if missing:
        wrong.insert(0, "missing: " + ", ".join(f"{key_of(member)} ({member})" for member in missing))
    if wrong:
        listed = wrong[0] if len(wrong) == 1 else "".join(f"\n  - {fault}" for fault in wrong)
        raise ConfigError(f"The training job's request is not valid: {listed}", "Nothing was uploaded; fix it.")


def check_expressible(request: dict[str, Any], channels: int) -> None:
    """Raise if ``request`` holds what ``sagemaker-pyspark`` has no argument for.

    Parameters
    ----------
    request : dict
    channels : int
        How many channels Sparring writes.

    Raises
    ------
    ConfigError
        Naming every such key and the way out, ``client: boto3``.
    """
    beyond = sorted({member for member in members(request) if member not in LIBRARY_MEMBERS})
    keys = {key_of(member): member for member in reversed(beyond)}
    if len(request.get("InputDataConfig", ())) > 1 or channels > 1:
        keys["sagemaker.channels"] = "InputDataConfig, more than one"
    if keys:
        listed = ", ".join(f"{key} ({member})" for key, member in sorted(keys.items()))
        raise ConfigError(f"sagemaker-pyspark cannot express {listed}", "Set sagemaker.client: boto3.")


def members(value: Any, place: str = "") -> Iterator[str]:
    """Yield the dotted name of every member in ``value`` that holds one; list positions and map keys are left out."""
    if isinstance(value, dict) and place not in ("HyperParameters", "Environment"):
        for name, inner in value.items():
            yield from members(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from members(inner, place)
    else:
        yield place


def _model_faults(request: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the missing members, and the other faults as sentences."""
    missing, wrong = [], []
    for fault in request_faults(OPERATION, request):
        found = FAULT.match(fault)
        assert found is not None, fault
        member = _as_named(found["place"])
        if found["what"] == NULL:
            missing.append(member)
        else:
            wrong.append(
                f"{key_of(member)} ({member}): {found['what'][0].lower()}{found['what'][1:]}, got {found['value']}"
            )
    return missing, wrong


def _as_named(place: str) -> str:
    """Return the name that a request uses for a place in AWS's wording, where names begin small."""
    parts = [part for part in place.split(".") if part not in ("member", "key", "value") and not part.isdigit()]
    return ".".join(part[:1].upper() + part[1:] for part in parts)


def _limit_faults(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the documented limits that botocore's model does not know."""
    yield from _algorithm_faults(request.get("AlgorithmSpecification") or {})
    yield from _resource_faults(request)
    yield from _stopping_faults(request)
    yield from _channel_faults(request)
    keys = [tag.get("Key", "") for tag in request.get("Tags") or []]
    if any(key.lower().startswith("aws:") for key in keys):
        yield "Tags", "keys may not begin with 'aws:'"
    if len(set(keys)) < len(keys):
        yield "Tags", "every key may be given once"


def _algorithm_faults(algorithm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    image, name = algorithm.get("TrainingImage"), algorithm.get("AlgorithmName")
    if (image is None) == (name is None):
        yield "AlgorithmSpecification.TrainingImage", "give either an image or an algorithm's name"
    for metric in algorithm.get("MetricDefinitions") or []:
        pattern = metric.get("Regex", "")
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            yield "AlgorithmSpecification.MetricDefinitions", f"{pattern!r} is no regular expression: {error}"
        else:
            if groups < 1:
                yield "AlgorithmSpecification.MetricDefinitions", f"{pattern!r} needs a group around the number"


def _resource_faults(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    resources = request.get("ResourceConfig") or {}
    count, volume = resources.get("InstanceCount"), resources.get("VolumeSizeInGB")
    if not resources.get("InstanceGroups"):
        if resources.get("InstanceType") is None:
            yield "ResourceConfig.InstanceType", "must be given"
        if not isinstance(count, int) or count < 1:
            yield "ResourceConfig.InstanceCount", f"must be 1 or more, got {count}"
    if isinstance(volume, int) and not 1 <= volume <= LARGEST_VOLUME:
        yield "ResourceConfig.VolumeSizeInGB", f"must be 1 to {LARGEST_VOLUME}, got {volume}"
    if resources.get("KeepAlivePeriodInSeconds") and request.get("EnableManagedSpotTraining"):
        yield "ResourceConfig.KeepAlivePeriodInSeconds", "a warm pool cannot be kept of spot instances"


def _stopping_faults(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    stopping, spot = request.get("StoppingCondition") or {}, request.get("EnableManagedSpotTraining")
    run, wait = stopping.get("MaxRuntimeInSeconds"), stopping.get("MaxWaitTimeInSeconds")
    if isinstance(run, int) and run > LONGEST_RUN:
        yield "StoppingCondition.MaxRuntimeInSeconds", f"must be at most {LONGEST_RUN} (28 days), got {run}"
    if wait is not None and not spot:
        yield "StoppingCondition.MaxWaitTimeInSeconds", "is for spot training only; set sagemaker.spot.enabled"
    if spot and wait is None:
        yield "StoppingCondition.MaxWaitTimeInSeconds", "spot training needs it"
    if isinstance(wait, int) and isinstance(run, int) and wait < run:
        yield "StoppingCondition.MaxWaitTimeInSeconds", f"must be at least the {run} of MaxRuntimeInSeconds, got {wait}"


def _channel_faults(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    channels = request.get("InputDataConfig") or []
    names = [channel.get("ChannelName") for channel in channels]
    if len(set(names)) < len(names):
        yield "InputDataConfig.ChannelName", f"every name may be given once, got {names}"
    for channel in channels:
        source = (channel.get("DataSource") or {}).get("S3DataSource") or {}
        mode = channel.get("InputMode") or (request.get("AlgorithmSpecification") or {}).get("TrainingInputMode")
        augmented = source.get("S3DataType") == "AugmentedManifestFile"
        owner = f"channel {channel.get('ChannelName')!r}"
        if augmented != bool(source.get("AttributeNames")):
            yield (
                "InputDataConfig.DataSource.S3DataSource.AttributeNames",
                f"{owner}: an augmented manifest, and nothing else, has attribute names",
            )
        if augmented and mode != "Pipe":
            yield "InputDataConfig.InputMode", f"{owner}: an augmented manifest is read in Pipe mode, got {mode}"
        if channel.get("CompressionType") == "Gzip" and mode != "Pipe":
            yield "InputDataConfig.CompressionType", f"{owner}: Gzip is unpacked in Pipe mode only, got {mode}"
