"""AWS Signature Version 4, verified with botocore's own signer: in a header, in a query, and of a body in chunks.

Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference, and "AWS Signature
Version 4 for API requests" of the IAM user guide.
"""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from botocore.auth import UNSIGNED_PAYLOAD, SigV4Auth
from botocore.awsrequest import AWSRequest, HTTPHeaders
from botocore.credentials import Credentials

from sparring.wire.service_model import AwsError

ALGORITHM = "AWS4-HMAC-SHA256"
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
NOT_HASHED = {UNSIGNED_PAYLOAD, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
# How far a client's clock may be off, and how long a presigned address may live, as on AWS.
SKEW_SECONDS, LONGEST_EXPIRY = 900, 604_800
PARTS = ("Credential", "SignedHeaders", "Signature")
QUERY_PARTS = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"}
CREDENTIAL = re.compile(r"(?P<key>[^/\s]+)/(?P<day>\d{8})/(?P<region>[^/\s]+)/(?P<service>[^/\s]+)/aws4_request")
IN_XML = {"s3", "sts", "iam"}
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method."
)
OLD = (
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256: boto3 does with "
    "Config(signature_version='s3v4')."
)
# Access key -> its secret and session token; None where nobody has that key.
SecretOf = Callable[[str], Credentials | None]


class SignedRequest(NamedTuple):
    """A request as it came, before anything was decoded.

    Attributes
    ----------
    method : str
    target : str
        Path and query as in the request's first line.
    headers : email.message.Message
    body : bytes
    """

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        """The path as it came; of an absolute address what follows the host."""
        return re.sub(r"^https?://[^/?]*", "", self.target, flags=re.IGNORECASE).partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """The members of the query, decoded."""
        return parse_qsl(self.target.partition("?")[2], keep_blank_values=True)


class Claim(NamedTuple):
    """What a signature says of itself."""

    access_key: str
    day: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[str, ...]
    signature: str
    expires: int | None = None


def is_signed(request: SignedRequest) -> bool:
    """Whether a request bears something like a signature, good or bad, new or old."""
    names = {name for name, _ in request.query}
    return "Authorization" in request.headers or bool(names & {"X-Amz-Signature", "Signature", "AWSAccessKeyId"})


def verify(request: SignedRequest, secret_of: SecretOf) -> Claim:
    """Return what a request is signed for.

    Raises
    ------
    AwsError
        As AWS names it, if there is no signature of Version 4, its key is unknown, its time is over, or it is not
        what the key's secret makes of this request.
    """
    claim = _claim(request)
    credentials = secret_of(claim.access_key)
    if credentials is None:
        raise _unknown_key(claim.service)
    _check_time(claim)
    _check_extent(request, claim)
    signer = _Signer(credentials, claim, _payload(request, claim))
    if not hmac.compare_digest(signer.expected(request), claim.signature):
        raise _mismatch(claim.service)
    _check_token(request, credentials, claim.service)
    _check_body(request, claim, signer)
    return claim


# -- what is claimed -----------------------------------------------------------------------------------------


def _claim(request: SignedRequest) -> Claim:
    query = dict(request.query)
    if "Authorization" in request.headers:
        return _claim_of_header(request.headers)
    if "X-Amz-Signature" in query:
        return _claim_of_query(query)
    if {"AWSAccessKeyId", "Signature"} & query.keys():
        raise AwsError("InvalidRequest", OLD)
    raise AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)


def _claim_of_header(headers: Message) -> Claim:
    authorization = headers["Authorization"]
    parts = dict(re.findall(r"(\w+)=([^,\s]+)", authorization))
    missing = [part for part in PARTS if part not in parts]
    timestamp = headers.get("X-Amz-Date", "")
    if not authorization.startswith(f"{ALGORITHM} "):
        raise AwsError("InvalidRequest", OLD)
    if missing:
        raise _incomplete(" ".join(f"Authorization header requires '{part}' parameter." for part in missing))
    if not timestamp:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    signed = tuple(parts["SignedHeaders"].lower().split(";"))
    return _claimed(parts["Credential"], timestamp, signed, parts["Signature"])


def _claim_of_query(query: Mapping[str, str]) -> Claim:
    missing = sorted(QUERY_PARTS - query.keys())
    if missing or query["X-Amz-Algorithm"] != ALGORITHM:
        raise _incomplete(f"The query needs {', '.join(missing) or f'X-Amz-Algorithm={ALGORITHM}'}.")
    expires = query["X-Amz-Expires"]
    if not re.fullmatch(r"\d{1,7}", expires) or int(expires) > LONGEST_EXPIRY:
        raise AwsError("AuthorizationQueryParametersError", "X-Amz-Expires must be between 0 and 604800 seconds")
    signed = tuple(query["X-Amz-SignedHeaders"].lower().split(";"))
    claim = _claimed(query["X-Amz-Credential"], query["X-Amz-Date"], signed, query["X-Amz-Signature"])
    return claim._replace(expires=int(expires))


def _claimed(credential: str, timestamp: str, signed: tuple[str, ...], signature: str) -> Claim:
    found = CREDENTIAL.fullmatch(credential)
    if found is None:
        raise _incomplete("Credential must be KEY/DATE/REGION/SERVICE/aws4_request.")
    if not re.fullmatch(r"\d{8}T\d{6}Z", timestamp) or timestamp[:8] != found["day"]:
        raise _incomplete("X-Amz-Date must be YYYYMMDDTHHMMSSZ, of the day in Credential.")
    return Claim(found["key"], found["day"], found["region"], found["service"], timestamp, signed, signature)


def _incomplete(message: str) -> AwsError:
    return AwsError("IncompleteSignature", message)


# -- whether it holds ----------------------------------------------------------------------------------------


def _unknown_key(service: str) -> AwsError:
    if service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", message, 403)
    code = "InvalidClientTokenId" if service in IN_XML else "UnrecognizedClientException"
    return AwsError(code, "The security token included in the request is invalid.", 403)


def _mismatch(service: str, message: str = MISMATCH) -> AwsError:
    return AwsError("SignatureDoesNotMatch" if service in IN_XML else "InvalidSignatureException", message, 403)


def _check_time(claim: Claim) -> None:
    try:
        made = calendar.timegm(time.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ"))
    except ValueError as error:
        raise _incomplete(f"X-Amz-Date is no time: {claim.timestamp}") from error
    late = time.time() - made
    if claim.expires is not None and late > claim.expires:
        raise AwsError("AccessDenied", "Request has expired", 403)
    if late < -SKEW_SECONDS or (claim.expires is None and late > SKEW_SECONDS):
        if claim.service == "s3":
            message = "The difference between the request time and the current time is too large."
            raise AwsError("RequestTimeTooSkewed", message, 403)
        raise _mismatch(claim.service, f"Signature expired: {claim.timestamp} is more than 15 minutes off")


def _check_extent(request: SignedRequest, claim: Claim) -> None:
    """Raise unless the host, and for S3 all of ``x-amz-*``, is signed too."""
    needed = {"host"}
    if claim.service == "s3":
        needed |= {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
    unsigned = sorted(needed - set(claim.signed_headers))
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise AwsError("AccessDenied", f"{message}: {', '.join(unsigned)}", 403)


def _check_token(request: SignedRequest, credentials: Credentials, service: str) -> None:
    given = request.headers.get("X-Amz-Security-Token") or dict(request.query).get("X-Amz-Security-Token")
    if credentials.token is not None and given != credentials.token:
        raise _unknown_key(service)


def _payload(request: SignedRequest, claim: Claim) -> str:
    """Return what the client says of the body: its hash, or that it did not take one."""
    stated = request.headers.get("X-Amz-Content-SHA256")
    if stated is not None and "x-amz-content-sha256" in claim.signed_headers:
        return str(stated)
    if claim.expires is not None and claim.service == "s3":
        return UNSIGNED_PAYLOAD
    return hashlib.sha256(request.body).hexdigest()


def _check_body(request: SignedRequest, claim: Claim, signer: _Signer) -> None:
    """Raise unless the body is the one that was signed."""
    stated = signer.stated
    if stated.startswith(CHUNKED):
        _check_chunks(request.body, claim, signer)
    elif stated not in NOT_HASHED and not hmac.compare_digest(hashlib.sha256(request.body).hexdigest(), stated):
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise AwsError("XAmzContentSHA256Mismatch", message)


def _check_chunks(body: bytes, claim: Claim, signer: _Signer) -> None:
    """Verify the chain of signatures of a body in chunks; each is of its chunk and of the signature before."""
    at, before, size = 0, claim.signature, -1
    while size != 0:
        head = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})\r\n").match(body, at)
        if head is None:
            raise AwsError("IncompleteBody", "The body is not in signed chunks, as x-amz-content-sha256 says")
        size = int(head[1], 16)
        chunk = body[head.end() : head.end() + size]
        expected = signer.chunk(chunk, before)
        if len(chunk) < size or not hmac.compare_digest(expected, head[2].decode()):
            raise _mismatch(claim.service)
        at, before = head.end() + size + 2, expected


class _Signer(SigV4Auth):
    """botocore's signer, told which headers the client has signed and what it says of the body."""

    def __init__(self, credentials: Credentials, claim: Claim, stated: str) -> None:
        super().__init__(credentials, claim.service, claim.region)
        self.claim, self.stated = claim, stated

    def expected(self, request: SignedRequest) -> str:
        """Return the signature that the request must bear."""
        path = quote(unquote_to_bytes(request.path), safe="/-_.~")
        params = [(name, value) for name, value in request.query if name != "X-Amz-Signature"]
        stated = {"X-Amz-Content-SHA256": self.stated}
        sent = AWSRequest(request.method, f"http://host{path}", params=params, headers=stated)
        sent.context["timestamp"] = self.claim.timestamp
        self._original = request.headers
        try:
            signature: str = self.signature(self.string_to_sign(sent, self.canonical_request(sent)), sent)
        except UnicodeError as error:
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.") from error
        self._sent = sent
        return signature

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        """Return the headers that the client has signed, all values of each."""
        headers = HTTPHeaders()
        for name in self.claim.signed_headers:
            for value in self._original.get_all(name, [""]):
                headers[name] = value
        return headers

    def _normalize_url_path(self, path: str) -> str:
        # S3 signs paths as they are; all other services encode them once more.
        return path if self.claim.service == "s3" else str(super()._normalize_url_path(path))

    def chunk(self, chunk: bytes, before: str) -> str:
        """Return the signature of a chunk that follows the signature ``before``."""
        scope, empty = self.credential_scope(self._sent), hashlib.sha256(b"").hexdigest()
        lines = (f"{ALGORITHM}-PAYLOAD", self.claim.timestamp, scope, before, empty, hashlib.sha256(chunk).hexdigest())
        signature: Any = self.signature("\n".join(lines), self._sent)
        return str(signature)
