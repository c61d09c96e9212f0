"""Each operation of the local SageMaker against AWS's own service model, and what moto answers to the same calls.

::

    uv run python benchmarks/conformance.py

For every operation, one valid request is bent in one place at a time: a required member is left out, a member gets
the wrong type, a value breaks the length, range, pattern or enumeration of botocore's model, a member is unknown.
The answer counts as right if it is a 4xx of AWS's shape whose message names the member that was bent.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer
from pages import save, table

from sparring.wire.service_model import KINDS, service_model
from sparring_local_sagemaker import LocalAws
from sparring_local_sagemaker.clients import signed_headers
from sparring_local_sagemaker.control_plane import ControlPlane
from sparring_local_sagemaker.operations import members as member_table
from sparring_local_sagemaker.platform import Platform

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
SERVE = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Serving(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ping" else 404); self.send_header("Content-Length", "0"); self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "3"); self.end_headers(); self.wfile.write(b"0.5")
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Serving).serve_forever()
"""
PROGRAMS = {"uri": "*/toy:*", "train": ["sh", "-c", "echo 1 > model/weights"], "serve": [sys.executable, "-c", SERVE]}
WRONG = {str: 7, int: "seven", bool: "yes", dict: "text", list: "text", float: "seven"}
Request = dict[str, Any]
ENDS = {"Completed", "Failed", "Stopped"}


def valid_requests(role: str, bucket: str, name: str) -> dict[str, Request]:
    """Return one good request an operation; ``name`` is new each time."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/in/"}}
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/base"
    specification = {
        "TrainingImage": IMAGE,
        "SupportedTrainingInstanceTypes": ["ml.m5.large"],
        "TrainingChannels": [{"Name": "t", "SupportedContentTypes": ["c"], "SupportedInputModes": ["File"]}],
    }
    variant = {"VariantName": "v", "ModelName": "base", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    requests: dict[str, Request] = {
        "CreateTrainingJob": {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
        "CreateModel": {"ModelName": name, "ExecutionRoleArn": role, "PrimaryContainer": {"Image": IMAGE}},
        "CreateEndpointConfig": {"EndpointConfigName": name, "ProductionVariants": [variant]},
        "CreateEndpoint": {"EndpointName": name, "EndpointConfigName": "base"},
        "UpdateEndpoint": {"EndpointName": name, "EndpointConfigName": "base"},
        "UpdateEndpointWeightsAndCapacities": {
            "EndpointName": name,
            "DesiredWeightsAndCapacities": [{"VariantName": "v", "DesiredWeight": 1.0}],
        },
        "CreateTransformJob": {
            "TransformJobName": name,
            "ModelName": "base",
            "TransformInput": {"DataSource": source},
            "TransformOutput": {"S3OutputPath": f"s3://{bucket}/out"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
        "CreateAlgorithm": {"AlgorithmName": name, "TrainingSpecification": specification},
        "AddTags": {"ResourceArn": arn, "Tags": [{"Key": "k", "Value": "v"}]},
        "DeleteTags": {"ResourceArn": arn, "TagKeys": ["k"]},
        "ListTags": {"ResourceArn": arn},
    }
    for kind in ("TrainingJob", "TransformJob", "Model", "Endpoint", "EndpointConfig", "Algorithm"):
        for verb in ("Describe", "Delete", "Stop", "Update"):
            requests.setdefault(f"{verb}{kind}", {f"{kind}Name": name})
        requests[f"List{kind}s"] = {}
    return requests


def bends(operation: str, request: Request) -> Iterator[tuple[str, str, Request]]:
    """Yield (kind of fault, member, request) for each way to break a request in one place."""
    shape = service_model().operation_model(operation).input_shape
    if shape is None:
        return
    for member in shape.required_members:
        yield "required member missing", member, {k: v for k, v in request.items() if k != member}
    for member, inner in shape.members.items():
        yield "wrong type", member, request | {member: WRONG[KINDS[inner.type_name][0]]}
        if inner.type_name == "string" and inner.enum:
            yield "outside the enumeration", member, request | {member: "Nope"}
        if inner.type_name == "string" and "max" in inner.metadata:
            yield "too long", member, request | {member: "x" * (inner.metadata["max"] + 1)}
        if inner.type_name == "string" and inner.metadata.get("pattern", "").startswith("^[a-zA-Z0-9]"):
            yield "pattern broken", member, request | {member: "no name!"}
        if inner.type_name == "integer" and "min" in inner.metadata:
            yield "below the range", member, request | {member: inner.metadata["min"] - 1}
        if inner.type_name == "integer" and "max" in inner.metadata:
            yield "above the range", member, request | {member: inner.metadata["max"] + 1}
    yield "unknown member", "Surprise", request | {"Surprise": 1}


def answer(url: str, operation: str, request: Request) -> tuple[int, str]:
    """Return status and body of a request that no client has checked."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    body, headers = json.dumps(request).encode(), {"X-Amz-Target": f"SageMaker.{operation}"}
    keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    signed = signed_headers(keys, "sagemaker", "POST", f"{url}/", body, headers)
    connection.request("POST", "/", body, signed | {"Content-Type": "application/x-amz-json-1.1"})
    response = connection.getresponse()
    found = response.status, response.read().decode(errors="replace")
    connection.close()
    return found


def verdict(status: int, body: str, member: str) -> str:
    """Return how a bent request was answered."""
    if status >= 500:
        return "server error"
    if status < 400:
        return "accepted"
    return "refused by name" if member.lower() in body.lower() and "__type" in body else "refused otherwise"


def validation(url: str, operations: list[str], role: str, bucket: str) -> dict[str, Counter[str]]:
    """Return how each operation's bent requests were answered."""
    found: dict[str, Counter[str]] = {}
    numbers = itertools.count()
    for operation in operations:
        found[operation] = Counter()
        for _, member, request in bends(operation, valid_requests(role, bucket, f"bent-{next(numbers)}")[operation]):
            found[operation][verdict(*answer(url, operation, request), member)] += 1
    return found


def path(describe: Callable[[], str], ends: set[str], seconds: float = 60) -> str:
    """Return the statuses that a resource passes through, as a client sees them."""
    seen: list[str] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = describe()
        if not seen or seen[-1] != status:
            seen.append(status)
        if status in ends:
            return " > ".join(seen)
    return " > ".join([*seen, "(no end)"])


class Client:
    """What the status table asks of one server."""

    def __init__(self, url: str, role: str, bucket: str) -> None:
        options: dict[str, Any] = {"endpoint_url": url, "region_name": "us-east-1"}
        self.sagemaker, self.runtime = (
            boto3.client("sagemaker", **options),
            boto3.client("sagemaker-runtime", **options),
        )
        self.s3, self.bucket = boto3.client("s3", **options), bucket
        self.good = valid_requests(role, bucket, "path")
        self.s3.put_object(Bucket=bucket, Key="in/a.csv", Body=b"1,2")

    def train(self) -> str:
        self.sagemaker.create_training_job(**self.good["CreateTrainingJob"])
        return path(lambda: self._job()["TrainingJobStatus"], ENDS)

    def _job(self) -> dict[str, Any]:
        return self.sagemaker.describe_training_job(TrainingJobName="path")

    def secondary(self) -> str:
        return " > ".join(entry["Status"] for entry in self._job()["SecondaryStatusTransitions"])

    def model_bytes(self) -> str:
        found = self.s3.head_object(Bucket=self.bucket, Key="out/path/output/model.tar.gz")
        return f"{found['ContentLength']} bytes"

    def train_again(self) -> str:
        self.sagemaker.create_training_job(**self.good["CreateTrainingJob"])
        return "accepted"

    def stop_ended(self) -> str:
        self.sagemaker.stop_training_job(TrainingJobName="path")
        return "accepted"

    def create_endpoint(self) -> str:
        self.sagemaker.create_endpoint(EndpointName="path", EndpointConfigName="base")
        return path(self.endpoint, {"InService", "Failed"})

    def endpoint(self) -> str:
        status: str = self.sagemaker.describe_endpoint(EndpointName="path")["EndpointStatus"]
        return status

    def invoke(self) -> str:
        answer = self.runtime.invoke_endpoint(EndpointName="path", Body=b"1,2", ContentType="text/csv")
        return f"`{answer['Body'].read().decode()}`"

    def update_endpoint(self) -> str:
        self.sagemaker.update_endpoint(EndpointName="path", EndpointConfigName="base")
        return path(self.endpoint, {"InService"})

    def delete_endpoint(self) -> str:
        self.sagemaker.delete_endpoint(EndpointName="path")
        return "accepted"

    def transform(self) -> str:
        self.sagemaker.create_transform_job(**self.good["CreateTransformJob"])
        describe = self.sagemaker.describe_transform_job
        return path(lambda: describe(TransformJobName="path")["TransformJobStatus"], ENDS)

    def transformed(self) -> str:
        return f"`{self.s3.get_object(Bucket=self.bucket, Key='out/a.csv.out')['Body'].read().decode()}`"

    def delete_model_twice(self) -> str:
        for _ in range(2):
            self.sagemaker.delete_model(ModelName="base")
        return "accepted"


STEPS: dict[str, Callable[[Client], str]] = {
    "training job: statuses": Client.train,
    "training job: secondary statuses": Client.secondary,
    "training job: its model in S3": Client.model_bytes,
    "training job: the same name again": Client.train_again,
    "training job: stop after its end": Client.stop_ended,
    "endpoint: create": Client.create_endpoint,
    "endpoint: invoke, the container says 0.5": Client.invoke,
    "endpoint: update": Client.update_endpoint,
    "endpoint: delete": Client.delete_endpoint,
    "endpoint: describe after that": Client.endpoint,
    "transform job: statuses": Client.transform,
    "transform job: its output in S3": Client.transformed,
    "model: delete twice": Client.delete_model_twice,
}


def statuses(client: Client) -> dict[str, str]:
    """Return how each step ended: what it saw, or the code of its error."""
    found: dict[str, str] = {}
    for what, step in STEPS.items():
        try:
            found[what] = step(client)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            found[what] = f"error {error.response['Error']['Code']} ({status})"
    return found


def prepare(url: str, role: str, bucket: str) -> None:
    """Create the model and configuration that other requests name."""
    good = valid_requests(role, bucket, "base")
    for operation in ("CreateModel", "CreateEndpointConfig"):
        status, body = answer(url, operation, good[operation])
        assert status == 200, body


def page(results: Request) -> str:
    """Return the results as Markdown."""
    kinds = ["refused by name", "refused otherwise", "accepted", "server error"]
    rows, total = [], {"sparring": Counter[str](), "moto": Counter[str]()}
    for operation, found in results["validation"]["sparring"].items():
        other = results["validation"]["moto"][operation]
        total["sparring"] += Counter(found)
        total["moto"] += Counter(other)
        cells = [str(sum(found.values())), str(found.get(kinds[0], 0))]
        rows.append([operation, *cells, *(str(other.get(kind, 0)) for kind in kinds)])
    sums = [str(sum(total["sparring"].values())), str(total["sparring"][kinds[0]])]
    rows.append(["**all**", *sums, *(str(total["moto"][kind]) for kind in kinds)])
    head = ["operation", "bent requests", "sparring: refused by name", *(f"moto: {kind}" for kind in kinds)]
    paths = [[what, ours, results["statuses"]["moto"].get(what, "")] for what, ours in results["statuses"]["sparring"].items()]  # fmt: skip
    return f"""# Conformance of the local SageMaker

Made by `uv run python benchmarks/conformance.py` with botocore {results["versions"]["botocore"]} (the service model)
and moto {results["versions"]["moto"]}. The reference is AWS's published model, not AWS itself: nothing here was run on
an account.

## Requests

Each operation gets one valid request, bent in one place at a time: required members left out, wrong types, values
outside length, range, pattern or enumeration, unknown members. *Refused by name*: a 4xx of AWS's shape that names the
member. Every answer of the local SageMaker is also checked against the model's output shape before it is sent.

{table(head, rows)}

## Statuses

{table(["", "sparring", "moto"], paths)}

## Members

{members()}

## Not there

{len(results["missing"])} of SageMaker's {results["operations"]} operations are not in the local SageMaker, which
answers them with `UnknownOperationException` and the list of those it has.
"""


def members() -> str:
    """Return what of each request is accepted and shown only, and what is refused, with the reasons."""
    rows, honoured = [], 0
    for service in ("sagemaker", "sagemaker-runtime"):
        for operation in member_table.operations(service):
            for place, _, fate in member_table.fates(service, operation):
                honoured += fate.kind == "honoured" and not fate.only
                if fate.kind != "honoured" or fate.only:
                    allowed = ", ".join(json.dumps(value) for value in fate.only)
                    rows.append([operation, f"`{place}`", f"only {allowed}" if allowed else fate.kind, fate.reason])
    return f"""Of the members of all requests {honoured} are honoured. *Shown*: accepted, described again, and without
effect here. *Refused*: a `ValidationException` names the member before anything starts. What lies below such a member
shares its lot. A member that a newer model has and this table has not is refused.

{table(["operation", "member", "", "why"], rows)}"""


def main() -> None:
    """Run both servers and write the page."""
    import botocore
    import moto

    moto_server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with LocalAws(images={"images": [PROGRAMS]}) as aws:
        # moto takes any keys.
        os.environ.update(aws.variables())
        moto_server.start()
        host, port = moto_server.get_host_and_port()
        urls = {"sparring": aws.endpoint_url, "moto": f"http://{host}:{port}"}
        boto3.client("s3", endpoint_url=urls["moto"]).create_bucket(Bucket=aws.bucket)  # fmt: skip
        operations = sorted(valid_requests("", "", "x").keys() & set(_operations()))
        results: Request = {"validation": {}, "statuses": {}, "operations": len(service_model().operation_names)}
        results["missing"] = sorted(set(service_model().operation_names) - set(_operations()))
        results["versions"] = {"botocore": botocore.__version__, "moto": moto.__version__}
        for name, url in urls.items():
            prepare(url, aws.role_arn, aws.bucket)
            results["validation"][name] = {k: dict(v) for k, v in validation(url, operations, aws.role_arn, aws.bucket).items()}  # fmt: skip
            results["statuses"][name] = statuses(Client(url, aws.role_arn, aws.bucket))
        assert set(operations) == set(_operations()), set(_operations()) - set(operations)
        moto_server.stop()
    save("conformance", results, page(results))


def _operations() -> list[str]:
    """Return the names of the operations that the local SageMaker has."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        return list(ControlPlane(Platform(Path(folder), "", Credentials("k", "s"), None)).operations)


if __name__ == "__main__":
    main()
