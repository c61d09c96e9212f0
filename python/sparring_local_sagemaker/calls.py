"""Which AWS call a request is."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.bodies import parsed
from sparring_local_sagemaker.clients import PLATFORM_AGENT
from sparring_local_sagemaker.faults import Caller

INVOCATION = re.compile(r"^/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
RUNTIME = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
# S3's naming rules for general purpose buckets.
BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# What tells the S3 operations of one method and place apart: the query's member that they bear.
BUCKET_CALLS = {
    "GET": (
        ("list-type", "ListObjectsV2"),
        ("uploads", "ListMultipartUploads"),
        ("location", "GetBucketLocation"),
        ("", "ListObjects"),
    ),
    "PUT": (("", "CreateBucket"),),
    "HEAD": (("", "HeadBucket"),),
    "DELETE": (("", "DeleteBucket"),),
    "POST": (("delete", "DeleteObjects"), ("", "PostObject")),
}
KEY_CALLS = {
    "GET": (("uploadId", "ListParts"), ("", "GetObject")),
    "PUT": (("partNumber", "UploadPart"), ("", "PutObject")),
    "HEAD": (("", "HeadObject"),),
    "DELETE": (("uploadId", "AbortMultipartUpload"), ("", "DeleteObject")),
    "POST": (("uploads", "CreateMultipartUpload"), ("uploadId", "CompleteMultipartUpload"), ("", "PostObject")),
}


class Call(NamedTuple):
    """One call.

    Attributes
    ----------
    service : str
        ``sagemaker``, ``sagemaker-runtime``, ``s3`` or another of AWS's, as the signature says.
    operation : str
        As faults name it: bare for SageMaker, ``s3:PutObject`` and the like for others.
    name : str
        Of the resource; ``BUCKET/KEY`` for S3.
    caller : {"client", "platform"}
    body : bytes
        Of a call of SageMaker's control plane, else empty.
    """

    service: str
    operation: str
    name: str
    caller: Caller
    body: bytes = b""


def identify(environ: dict[str, Any], service: str) -> Call:
    """Return which call a signed request is."""
    caller: Caller = "platform" if PLATFORM_AGENT in environ.get("HTTP_USER_AGENT", "") else "client"
    target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    invoked = INVOCATION.match(environ.get("PATH_INFO", ""))
    if service == "sagemaker" and target:
        body = environ["wsgi.input"].read()
        return Call(service, target, _resource(body), caller, body)
    if service == "sagemaker" and invoked:
        return Call("sagemaker-runtime", RUNTIME[invoked.group(2)], invoked.group(1), caller)
    if service == "s3":
        _into_path(environ)
        operation, name = s3_operation(environ)
        return Call(service, f"s3:{operation}", name, caller)
    return Call(service, f"{service}:{target}", "", caller)


def _resource(body: bytes) -> str:
    """Return the name of the resource that a request of the control plane is about."""
    try:
        request = parsed(body)
    except AwsError:
        return ""
    named = [value for member, value in request.items() if member.endswith("Name") and isinstance(value, str)]
    return named[0] if named else ""


def _into_path(environ: dict[str, Any]) -> None:
    """Move the bucket of an address such as ``http://BUCKET.localhost:PORT/KEY`` to where all others have it."""
    host, _, port = environ.get("HTTP_HOST", "").partition(":")
    bucket = host.lower().removesuffix(".localhost")
    if bucket != host.lower():
        environ["PATH_INFO"] = f"/{bucket}{environ.get('PATH_INFO', '')}"
        environ["HTTP_HOST"] = f"localhost:{port}"


def is_bucket_name(name: str) -> bool:
    """Return whether S3 allows a bucket of this name; such a name is safe as a folder's, too.

    Examples
    --------
    >>> [is_bucket_name(name) for name in ("my-data.v1", "..", "a/b", "Data", "10.0.0.1", "")]
    [True, False, False, False, False, False]
    """
    return BUCKET.fullmatch(name) is not None


def s3_operation(environ: dict[str, Any]) -> tuple[str, str]:
    """Return the S3 operation of a path-style request, and ``BUCKET/KEY``.

    Raises
    ------
    AwsError
        If a bucket's name is none, or there is no bucket and it is not the list of all that is asked for.

    Examples
    --------
    >>> s3_operation({"REQUEST_METHOD": "PUT", "PATH_INFO": "/bucket/k", "QUERY_STRING": "partNumber=1&uploadId=x"})
    ('UploadPart', 'bucket/k')
    """
    method = environ.get("REQUEST_METHOD", "")
    bucket, _, key = _path(environ).removeprefix("/").partition("/")
    if not bucket:
        if method != "GET" or key:
            raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
        return "ListBuckets", ""
    if not is_bucket_name(bucket):
        raise AwsError("InvalidBucketName", f"The specified bucket is not valid: {bucket[:63]!r}")
    name = f"{bucket}/{key}"
    if "HTTP_X_AMZ_COPY_SOURCE" in environ and "partNumber" not in environ.get("QUERY_STRING", ""):
        return "CopyObject", name
    table = (KEY_CALLS if key else BUCKET_CALLS).get(method, ())
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return next((operation for member, operation in table if not member or member in query), "Other"), name


def _path(environ: dict[str, Any]) -> str:
    """Return the decoded path: the server has decoded it once, and WSGI carries bytes as Latin-1."""
    try:
        path: str = environ.get("PATH_INFO", "").encode("latin-1").decode()
    except UnicodeError as error:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from error
    return path
