"""A pytest plugin: moto's own tests, each against a fresh local SageMaker instead of moto's mock.

With ``MOTO_COMPLETED`` in the environment, requests get what AWS requires and moto does not: a role that exists, a
container in a model, addresses in S3, names and accounts as the model allows them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import moto
import pytest

from sparring_local_sagemaker import LocalAws

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1"
SERVE = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer
class Serving(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Serving).serve_forever()
"""
# Any image: moto's tests name many, and run none.
IMAGES = {"images": [{"uri": "*", "train": ["true"], "serve": ["python3", "-c", SERVE]}]}
COMPLETED = bool(os.environ.get("MOTO_COMPLETED"))


def no_mock(function: Any = None, **_: Any) -> Any:
    """Stand in for ``mock_aws``, as a decorator and as a context."""
    return contextlib.nullcontext() if function is None else function


# Before a test's module imports it.
moto.mock_aws = no_mock  # type: ignore[assignment]
_client = boto3.client


def complete(params: dict[str, Any], model: Any, **_: Any) -> None:
    """Give a request what AWS requires."""
    for name in ("RoleArn", "ExecutionRoleArn"):
        if name in params and model.name.startswith("Create"):
            params[name] = LocalAws.role_arn
    if model.name == "CreateModel" and not {"PrimaryContainer", "Containers"} & set(params):
        params["PrimaryContainer"] = {"Image": IMAGE}
    for container in params.get("Containers", []):
        container.setdefault("Image", IMAGE)
    if "ResourceArn" in params:
        params["ResourceArn"] = params["ResourceArn"].replace("000000000000", "123456789012")
    if model.name == "CreateTransformJob":
        params["ModelName"] = params["ModelName"].replace("_", "-")
        params.pop("DataCaptureConfig", None)
        source = params["TransformInput"]["DataSource"]["S3DataSource"]
        source["S3Uri"], source["S3DataType"] = "s3://my-bucket/input", "S3Prefix"
        params["TransformOutput"]["S3OutputPath"] = "s3://my-bucket/output"
        _model(params["ModelName"])


def _model(name: str) -> None:
    """Create a model of that name, unless it is there."""
    client = _client("sagemaker", region_name="us-east-1")
    with contextlib.suppress(client.exceptions.ClientError):
        client.create_model(ModelName=name, ExecutionRoleArn=LocalAws.role_arn, PrimaryContainer={"Image": IMAGE})


def client(*arguments: Any, **options: Any) -> Any:
    """Return a client of the test's server."""
    made = _client(*arguments, **options)
    if COMPLETED and made.meta.service_model.service_name == "sagemaker":
        made.meta.events.register("provide-client-params.sagemaker", complete)
    return made


def _match(match: Any, pattern: str, text: str, flags: int = 0) -> Any:
    """Let an ARN bear its resource's name in lower case, as AWS's do; moto keeps the case."""
    return match(pattern, text, flags | re.IGNORECASE if str(pattern).startswith("^arn:aws:sagemaker") else flags)


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start a server of one's own for a test, and let every client find it."""
    with LocalAws(images=IMAGES) as aws:
        keys = {"AWS_ACCESS_KEY_ID": aws.access_key, "AWS_SECRET_ACCESS_KEY": aws.secret_key}
        for name, value in {"AWS_ENDPOINT_URL": aws.endpoint_url, "AWS_DEFAULT_REGION": aws.region, **keys}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "client", client)
        boto3.DEFAULT_SESSION = None
        if COMPLETED:
            monkeypatch.setattr(re, "match", functools.partial(_match, re.match))
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Write a line a test: its name, whether it passed, and what it said if not."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call" or report.failed:
        said = io.StringIO()
        if call.excinfo is not None:
            said.write(call.excinfo.exconly())
        line = {"test": item.name, "file": Path(item.path).name, "passed": report.passed, "said": said.getvalue()}
        with Path(os.environ["MOTO_RESULTS"]).open("a") as results:
            results.write(json.dumps(line) + "\n")
