"""Requests that nobody signed, at random: the local SageMaker's state after them is its state before.

::

    uv run python benchmarks/local_fuzz.py [--requests N] [--seed N]
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import http.client
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from sparring_local_sagemaker import LocalAws

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "MOVE")
PATHS = (
    "/", "//", "/..", "/../", "/.", "/%2e%2e", "/%2e%2e/%2e%2e", "/..%2f..", "/moto-api/reset", "/moto-api/data.json",
    "/moto-api/seed?a=1", "/moto-api/state-manager/set-transition", "/favicon.ico", "/latest/meta-data/", "/page/",
    "/page/buckets/{bucket}", "/page/training-jobs/kept", "/{bucket}", "/{bucket}/", "/{bucket}/kept", "/{bucket}/new",
    "/{bucket}/../kept", "/{bucket}/%2e%2e/%2e%2e/etc", "/s3_us-east-1/{bucket}/kept", "/iam_us-east-1/", "/new-bucket",
    "/endpoints/kept/invocations", "/endpoints/kept/async-invocations", "/v20180820/tags", "http://127.0.0.1/{bucket}",
    "*", "/{bucket}/kept%00", "/%00", "/\xff", "/[", "//[", "/{bucket}//", "/;", "/{bucket}/kept#x",
)  # fmt: skip
QUERIES = (
    "", "delete", "acl", "policy", "versioning", "cors", "uploads", "uploadId=x&partNumber=1", "lifecycle", "tagging",
    "Action=DeleteRole&RoleName=sparring-local", "Action=CreateUser&UserName=x", "Action=AssumeRole", "list-type=2",
    "AWSAccessKeyId=x&Signature=y", "AWSAccessKeyId=sparring-local&Signature=y&Expires=9999999999", "token=x",
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=sparring-local%2F{day}%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Date={stamp}&X-Amz-Expires=600&X-Amz-SignedHeaders=host&X-Amz-Signature={hex}", "%", "a=%ff", "&&==",
)  # fmt: skip
TARGETS = ("SageMaker.CreateTrainingJob", "SageMaker.DeleteModel", "SageMaker.ListModels", "Logs_20140328.DeleteLogGroup")
BODIES = (
    b"", b"{}", b'{"ModelName": "kept"}', b"<Delete><Object><Key>kept</Key></Object></Delete>", b"[" * 2_000, b"\0\xff",
    b"Action=DeleteRole&RoleName=sparring-local&Version=2010-05-08", b"x" * 5_000,
)  # fmt: skip
HOSTS = ("127.0.0.1:{port}", "localhost:{port}", "{bucket}.localhost:{port}", "evil.example", "")
ORIGINS = (None, None, "http://evil.example", "null", "http://127.0.0.1:{port}")


def drawn(draw: random.Random, facts: dict[str, Any]) -> tuple[str, str, bytes, dict[str, str]]:
    """Return a request at random: method, target, body and headers."""
    named = {**facts, "hex": f"{draw.getrandbits(256):064x}"}
    named |= {"day": time.strftime("%Y%m%d", time.gmtime()), "stamp": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}
    path, query = draw.choice(PATHS).format(**named), draw.choice(QUERIES).format(**named)
    headers = {"Host": draw.choice(HOSTS).format(**named)}
    if (origin := draw.choice(ORIGINS)) is not None:
        headers["Origin"] = origin.format(**named)
    if draw.random() < 0.5:
        service = draw.choice(("s3", "sagemaker", "iam", "sts", "logs", "moto_api", "dynamodb", "x"))
        scope = f"{draw.choice(('sparring-local', 'AKIAIOSFODNN7EXAMPLE', 'k'))}/{named['day']}/us-east-1/{service}"
        parts = [f"Credential={scope}/aws4_request", "SignedHeaders=host;x-amz-date", f"Signature={named['hex']}"]
        headers |= {"Authorization": f"AWS4-HMAC-SHA256 {', '.join(parts)}", "X-Amz-Date": named["stamp"]}
    if draw.random() < 0.3:
        headers["X-Amz-Target"] = draw.choice(TARGETS)
    if draw.random() < 0.2:
        headers |= {"X-Amz-Copy-Source": f"/{facts['bucket']}/kept", "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    if draw.random() < 0.1:
        headers["Access-Control-Request-Method"] = "PUT"
    return draw.choice(METHODS), f"{path}?{query}" if query else path, draw.choice(BODIES), headers


def asked(connection: http.client.HTTPConnection, request: tuple[str, str, bytes, dict[str, str]]) -> tuple[int, list]:
    """Send a request as it is, whatever a client's library would say of it; return status and headers."""
    method, target, body, headers = request
    connection.putrequest(method, "/", skip_host=True, skip_accept_encoding=True)
    # Not the library's idea of a target: it refuses some, and quotes none.
    connection._buffer[0] = f"{method} {target} HTTP/1.1".encode("latin-1")  # type: ignore[attr-defined]
    for name, value in {**headers, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    response.read()
    return response.status, response.getheaders()


def storm(aws: LocalAws, count: int, seed: int) -> collections.Counter[int]:
    """Send ``count`` requests; return how often each status was answered, 0 for a connection that ended.

    Raises
    ------
    AssertionError
        If an answer shares itself with another origin, or is the server's failure.
    """
    draw, statuses = random.Random(seed), collections.Counter[int]()
    address = aws.endpoint_url.removeprefix("http://")
    facts = {"bucket": aws.bucket, "port": address.rpartition(":")[2]}
    connection = http.client.HTTPConnection(address, timeout=30)
    for _ in range(count):
        request = drawn(draw, facts)
        try:
            status, headers = asked(connection, request)
        except (http.client.HTTPException, ConnectionError):
            status, headers = 0, []
        if status == 0 or any(name.lower() == "connection" and value == "close" for name, value in headers):
            connection.close()
        assert not [name for name, _ in headers if name.lower().startswith("access-control-")], request
        assert status != 500, request
        statuses[status] += 1
    return statuses


def prepared(aws: LocalAws) -> None:
    """Make what a request could destroy."""
    aws.client("s3").put_object(Bucket=aws.bucket, Key="kept", Body=b"kept", Metadata={"m": "v"})
    container = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"}
    sagemaker = aws.client("sagemaker")
    sagemaker.create_model(ModelName="kept", ExecutionRoleArn=aws.role_arn, PrimaryContainer=container)


def state_of(aws: LocalAws, folder: Path) -> dict[str, Any]:
    """Return all that a request could have changed: what the services say, and every byte on the disk."""
    s3, iam, sagemaker = aws.client("s3"), aws.client("iam"), aws.client("sagemaker")
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    objects = {name: s3.list_object_versions(Bucket=name).get("Versions", []) for name in buckets}
    return {
        "objects": {name: [(o["Key"], o["ETag"], str(o["LastModified"])) for o in found] for name, found in objects.items()},
        "roles": [role["Arn"] for role in iam.list_roles()["Roles"]],
        "users": [user["UserName"] for user in iam.list_users()["Users"]],
        "models": [model["ModelName"] for model in sagemaker.list_models()["Models"]],
        "jobs": sagemaker.list_training_jobs()["TrainingJobSummaries"],
        "logs": aws.client("logs").describe_log_groups()["logGroups"],
        "disk": {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        },
    }


def main() -> None:
    """Storm a server and write down what it answered."""
    from pages import save, table

    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalAws(folder) as aws:
        prepared(aws)
        before, start = state_of(aws, Path(folder)), time.perf_counter()
        statuses = storm(aws, options.requests, options.seed)
        seconds = time.perf_counter() - start
        after = state_of(aws, Path(folder))
    facts = {"requests": options.requests, "seed": options.seed, "seconds": round(seconds, 1), "unchanged": before == after}
    rows = [[str(status or "connection ended"), f"{count:,}"] for status, count in sorted(statuses.items())]
    save("local_fuzz", {**facts, "statuses": {str(k): v for k, v in sorted(statuses.items())}}, f"""# Unsigned requests

`benchmarks/local_fuzz.py` sent {options.requests:,} requests at random (seed {options.seed}) to a local SageMaker with a
state folder, none of them validly signed: {len(METHODS)} methods, {len(PATHS)} paths, {len(QUERIES)} queries,
{len(BODIES)} bodies, {len(HOSTS)} hosts, made-up signatures, other origins. It took {seconds:.0f} s.

State after them (objects and their versions, roles, users, models, jobs, logs, every byte of the folder): 
**{"the state before" if before == after else "CHANGED"}**. No answer was a 500 or bore a header that shares it with
another origin: the script ends at the first that does.

{table(["answered", "requests"], rows)}
""")  # fmt: skip
    assert before == after


if __name__ == "__main__":
    main()
