"""Which AWS call an HTTP request is, and whether it may be answered at all."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.bodies import parsed
from sparring_local_sagemaker.faults import Caller
from sparring_local_sagemaker.storage import PLATFORM_AGENT

INVOCATION = re.compile(r"^/endpoints/([^/]+)/(invocations|async-invocations|invocations-response-stream)$")
RUNTIME = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
CREDENTIAL = re.compile(r"Credential=[^/,\s]+/\d{8}/[^/]+/([^/]+)/aws4_request")
PARTS = ("Credential", "SignedHeaders", "Signature")
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
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


def require_loopback(environ: dict[str, Any]) -> None:
    """Refuse a request that a browser was led to send here under another host's name.

    Raises
    ------
    AwsError
        If the header ``Host`` is no loopback name.
    """
    host = environ.get("HTTP_HOST", "")
    name = re.sub(r":\d+$", "", host).lower()
    if name not in LOOPBACK and not name.endswith(".localhost"):
        raise AwsError("AccessDeniedException", f"This server answers on loopback only, not as {host!r}", 403)


def is_page(environ: dict[str, Any]) -> bool:
    """Whether a browser asks for the web page: read only, and without a signature."""
    signed = environ.get("HTTP_AUTHORIZATION") or "Signature=" in environ.get("QUERY_STRING", "")
    return not signed and environ.get("REQUEST_METHOD") == "GET"


def service_of(environ: dict[str, Any]) -> str:
    """Return the service that a request is signed for.

    The signature must be there and whole; it is not recomputed, for nothing here is secret.

    Raises
    ------
    AwsError
        ``MissingAuthenticationToken`` or ``IncompleteSignature``, as AWS names them.
    """
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if not authorization and "X-Amz-Signature" in query:
        found = CREDENTIAL.search(f"Credential={query.get('X-Amz-Credential', [''])[0]}")
    elif not authorization and {"AWSAccessKeyId", "Signature"} <= set(query):
        # An address presigned in the old way, which boto3 still makes for S3.
        return "s3"
    elif not authorization:
        raise AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)
    else:
        missing = [part for part in PARTS if f"{part}=" not in authorization]
        if not authorization.startswith("AWS4-HMAC-SHA256") or missing:
            lacks = " ".join(f"Authorization header requires '{part}' parameter." for part in missing)
            raise AwsError("IncompleteSignature", lacks or "The signature is not of Signature Version 4.")
        found = CREDENTIAL.search(authorization)
    if found is None:
        raise AwsError("IncompleteSignature", "Credential must be KEY/DATE/REGION/SERVICE/aws4_request")
    return found.group(1)


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


def s3_operation(environ: dict[str, Any]) -> tuple[str, str]:
    """Return the S3 operation of a path-style request, and ``BUCKET/KEY``.

    Examples
    --------
    >>> s3_operation({"REQUEST_METHOD": "PUT", "PATH_INFO": "/b/k", "QUERY_STRING": "partNumber=1&uploadId=x"})
    ('UploadPart', 'b/k')
    """
    name = unquote(environ.get("PATH_INFO", "")).lstrip("/")
    bucket, _, key = name.partition("/")
    if not bucket:
        return "ListBuckets", ""
    if "HTTP_X_AMZ_COPY_SOURCE" in environ and "partNumber" not in environ.get("QUERY_STRING", ""):
        return "CopyObject", name
    table = (KEY_CALLS if key else BUCKET_CALLS).get(environ.get("REQUEST_METHOD", ""), ())
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return next((operation for member, operation in table if not member or member in query), "Other"), name
