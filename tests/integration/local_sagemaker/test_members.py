"""Members that the table refuses are refused by name over the wire; those it shows are described again."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape

from sparring_local_sagemaker.operations.members import Fate, fates, operations

TEXTS = (
    "a",
    "s3://b/k",
    "1",
    "/a",
    "arn:aws:sagemaker:us-east-1:123456789012:x/a",
    "fs-12345678",
    "k:1",
    "arn:aws:iam::123456789012:role/a",
    "subnet-1",
    f"sha256:{'0' * 64}",
)
KINDS = (
    "training-plan",
    "reserved-capacity",
    "model-package-group",
    "hub-content/h",
    "mlflow-tracking-server",
    "x",
    "hub-content/h/DataSet",
    "hub-content/h/Model",
)
ARNS = [
    f"arn:aws:{service}:us-east-1:123456789012:{kind}/a"
    for service in ("sagemaker", "secretsmanager", "lambda", "sns", "iam")
    for kind in KINDS
]


def valid(shape: Shape) -> Any:
    """Return a small value that botocore's model of a member allows."""
    if isinstance(shape, StructureShape):
        return {name: valid(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [valid(shape.member)] * max(1, shape.metadata.get("min", 1))
    if isinstance(shape, MapShape):
        return {"a": valid(shape.value)}
    if shape.type_name == "string":
        return _text(shape)
    return {"boolean": True}.get(shape.type_name, shape.metadata.get("min", 1))


def _text(shape: Shape) -> str:
    if shape.enum:  # type: ignore[attr-defined]
        return shape.enum[0]  # type: ignore[attr-defined]
    low, pattern = shape.metadata.get("min", 1), shape.metadata.get("pattern", ".*")
    for text in (*TEXTS, *ARNS):
        text = text.ljust(low, "a")
        if r"\p" in pattern or re.fullmatch(pattern, text):
            return text
    return "a".ljust(low, "a")


def put(request: dict[str, Any], operation_shape: Shape, path: str, value: Any) -> None:
    """Put a value at a path such as ``A.B[].C``; what is missing on the way is made."""
    here, shape = request, operation_shape
    *way, last = path.split(".")
    for part in way:
        name = part.removesuffix("[]")
        shape = shape.members[name]  # type: ignore[attr-defined]
        here = here.setdefault(name, valid(shape))
        while isinstance(shape, ListShape):
            here, shape = here[0], shape.member  # type: ignore[index]
    here[last] = value


def base(cloud: Any, operation: str) -> dict[str, Any]:
    """Return a request that is fine but for what a test adds."""
    name, model = cloud.name(), cloud.create_model()
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": cloud.put(a="1,2")}}
    image = cloud.job_request("listing")["AlgorithmSpecification"]["TrainingImage"]
    channel = {"Name": "t", "SupportedContentTypes": ["c"], "SupportedInputModes": ["File"]}
    training = {
        "TrainingImage": image,
        "SupportedTrainingInstanceTypes": ["ml.m5.large"],
        "TrainingChannels": [channel],
    }
    found: dict[str, dict[str, Any]] = {
        "CreateTrainingJob": cloud.job_request("listing", InputDataConfig=[cloud.channel(cloud.put(a="1"))]),
        "CreateModel": {
            "ModelName": name,
            "ExecutionRoleArn": cloud.aws.role_arn,
            "PrimaryContainer": {"Image": image},
        },
        "CreateEndpointConfig": {"EndpointConfigName": name, "ProductionVariants": [cloud.variant(model=model)]},
        "CreateTransformJob": {
            "TransformJobName": name,
            "ModelName": model,
            "TransformInput": {"DataSource": source},
            "TransformOutput": {"S3OutputPath": f"s3://{cloud.aws.bucket}/o"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
        "CreateAlgorithm": {"AlgorithmName": name, "TrainingSpecification": training},
        "CreateEndpoint": {"EndpointName": name, "EndpointConfigName": "never"},
        "UpdateEndpoint": {"EndpointName": name, "EndpointConfigName": "never"},
        "UpdateEndpointWeightsAndCapacities": {
            "EndpointName": name,
            "DesiredWeightsAndCapacities": [{"VariantName": "all"}],
        },
        "UpdateTrainingJob": {"TrainingJobName": name},
    }
    return found.get(operation, {})


def call(cloud: Any, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    from botocore import xform_name

    return getattr(cloud.sagemaker, xform_name(operation))(**request)


def members(operation: str) -> Iterator[tuple[str, Shape, Fate]]:
    # A model of several containers has the same table as one of one.
    yield from (entry for entry in fates("sagemaker", operation) if not entry[0].startswith("Containers[]"))


REFUSING = [o for o in operations("sagemaker") if any(f.kind == "refused" or f.only for _, _, f in members(o))]
SHOWING = [o for o in operations("sagemaker") if any(f.kind == "shown" for _, _, f in members(o))]


@pytest.mark.parametrize("operation", REFUSING)
def test_what_is_not_here_is_refused_by_name(cloud: Any, operation: str) -> None:
    good, shape = base(cloud, operation), cloud.sagemaker.meta.service_model.operation_model(operation).input_shape
    for path, member, fate in members(operation):
        if fate.kind != "refused" and not fate.only:
            continue
        request = copy.deepcopy(good)
        others = [value for value in getattr(member, "enum", []) or [True] if value not in fate.only]
        put(request, shape, path, others[0] if fate.only else valid(member))
        with pytest.raises(ClientError) as caught:
            call(cloud, operation, request)
        error = caught.value.response["Error"]
        assert error["Code"] == "ValidationException", path
        assert error["Message"].startswith("The local emulator of SageMaker refuses "), (path, error["Message"])
        assert path.replace("[]", "") in error["Message"]


@pytest.mark.parametrize("operation", SHOWING)
def test_what_is_shown_only_is_described_as_it_was_given(cloud: Any, operation: str) -> None:
    shape = cloud.sagemaker.meta.service_model.operation_model(operation).input_shape
    noun = operation.removeprefix("Create")
    for path, member, fate in members(operation):
        if fate.kind != "shown":
            continue
        request = base(cloud, operation)
        if path.startswith("AsyncInferenceConfig"):
            put(request, shape, "AsyncInferenceConfig.OutputConfig.S3OutputPath", "s3://b/k")
        put(request, shape, path, valid(member))
        call(cloud, operation, request)
        given, told = request, call(cloud, f"Describe{noun}", {f"{noun}Name": request[f"{noun}Name"]})
        for part in path.split("."):
            given, told = given[part.removesuffix("[]")], told[part.removesuffix("[]")]
            if part.endswith("[]"):
                given, told = given[0], told[0]  # type: ignore[index]
        assert told == given, path


@pytest.mark.parametrize("operation", operations("sagemaker-runtime"))
def test_an_invocation_that_asks_for_what_is_not_here_is_refused_by_name(cloud: Any, operation: str) -> None:
    from botocore import xform_name

    given = {"EndpointName": "any", **({} if operation.endswith("Async") else {"Body": b"1"})}
    for path, member, fate in fates("sagemaker-runtime", operation):
        if fate.kind == "refused":
            with pytest.raises(ClientError, match=f"ValidationError.* refuses {path}: "):
                getattr(cloud.runtime, xform_name(operation))(**given, **{path: valid(member)})
