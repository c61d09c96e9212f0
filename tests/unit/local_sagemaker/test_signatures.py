"""ClassCountProfiles against botocore's signer: what it signs holds, and whatever is changed afterwards does not."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from email.message import Message
from unittest import mock
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.signatures import SignedRequest, verify

OWN = Credentials("own", "a secret")
HOST = "127.0.0.1:4566"
SIGNERS = {"s3": S3SigV4Auth, "sagemaker": SigV4Auth}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)


def received(request: AWSRequest, body: bytes) -> SignedRequest:
    """What a server sees of a request of botocore's."""
    prepared = request.prepare()
    headers = Message()
    headers["Host"] = HOST
    for name, value in prepared.headers.items():
        headers[name] = value if isinstance(value, str) else value.decode()
    parts = urlsplit(prepared.url)
    return SignedRequest(request.method, f"{parts.path}?{parts.query}" if parts.query else parts.path, headers, body)


def signed(
    service: str = "s3",
    path: str = "/bucket/key",
    query: dict[str, str] | None = None,
    body: bytes = b"body",
    method: str = "PUT",
    credentials: Credentials = OWN,
    headers: dict[str, str] | None = None,
) -> SignedRequest:
    url = f"http://{HOST}{quote(path)}"
    if query:
        url += "?" + "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in query.items())
    request = AWSRequest(method, url, data=body, headers={"X-Amz-Meta-A": "b", **(headers or {})})
    SIGNERS[service](credentials, service, "us-east-1").add_auth(request)
    return received(request, body)


def presigned(service: str = "s3", expires: int = 60) -> SignedRequest:
    request = AWSRequest("GET", f"http://{HOST}/bucket/key%20%C3%BC")
    kind = S3SigV4QueryAuth if service == "s3" else SigV4QueryAuth
    kind(OWN, service, "us-east-1", expires).add_auth(request)
    return received(request, b"")


def own_secret(access_key: str) -> Credentials | None:
    return OWN if access_key == OWN.access_key else None


def refusal(request: SignedRequest) -> str:
    with pytest.raises(AwsError) as found:
        verify(request, own_secret)
    return found.value.code


@given(
    service=st.sampled_from(sorted(SIGNERS)),
    path=st.lists(TEXT.filter(lambda t: t not in (".", "..")), max_size=4).map(
        lambda parts: "/" + "/".join(["b", *parts])
    ),
    query=st.dictionaries(TEXT.filter(bool), TEXT, max_size=3),
    body=st.binary(max_size=50),
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
)
def test_what_botocore_signs_holds(service: str, path: str, query: dict, body: bytes, method: str) -> None:
    claim = verify(signed(service, path, query, body, method), own_secret)
    assert (claim.access_key, claim.service, claim.region) == ("own", service, "us-east-1")


@pytest.mark.parametrize("service", ["s3", "sagemaker"])
def test_a_presigned_address_holds_until_its_time_is_over(service: str) -> None:
    request = presigned(service)
    assert verify(request, own_secret).service == service
    later = datetime.datetime.now(datetime.timezone.utc).timestamp() + 61
    with mock.patch("time.time", return_value=later):
        assert refusal(request) == "AccessDenied"


CHANGES = {
    "method": lambda r: r._replace(method="DELETE"),
    "path": lambda r: r._replace(target=r.target.replace("key", "other")),
    "query": lambda r: r._replace(target=r.target + ("&" if "?" in r.target else "?") + "acl"),
    "host": lambda r: r._replace(headers=changed(r.headers, "Host", "localhost:1")),
}


def changed(headers: Message, name: str, value: str | None) -> Message:
    made = Message()
    for known, old in headers.items():
        if known.lower() != name.lower():
            made[known] = old
    if value is not None:
        made[name] = value
    return made


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("make", [signed, presigned])
def test_whatever_is_changed_afterwards_breaks_it(make, change: str) -> None:  # type: ignore[no-untyped-def]
    assert refusal(CHANGES[change](make())) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("service", ["s3", "sagemaker"])
def test_another_body_is_refused(service: str) -> None:
    code = "XAmzContentSHA256Mismatch" if service == "s3" else "InvalidSignatureException"
    assert refusal(signed(service)._replace(body=b"another")) == code


def test_headers_that_were_added_are_refused() -> None:
    request = presigned()
    assert (
        refusal(request._replace(headers=changed(request.headers, "X-Amz-Copy-Source", "/b/secret"))) == "AccessDenied"
    )


@pytest.mark.parametrize(
    ("credentials", "s3", "sagemaker"),
    [
        (Credentials("own", "guessed"), "SignatureDoesNotMatch", "InvalidSignatureException"),
        (Credentials("own", ""), "SignatureDoesNotMatch", "InvalidSignatureException"),
        (Credentials("nobody", "a secret"), "InvalidAccessKeyId", "UnrecognizedClientException"),
    ],
)
def test_another_secret_or_key_is_refused(credentials: Credentials, s3: str, sagemaker: str) -> None:
    assert refusal(signed("s3", credentials=credentials)) == s3
    assert refusal(signed("sagemaker", credentials=credentials)) == sagemaker


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_far_off_is_refused(minutes: int) -> None:
    request = signed()
    then = datetime.datetime.now(datetime.timezone.utc).timestamp() + 60 * minutes
    with mock.patch("time.time", return_value=then):
        assert refusal(request) == "RequestTimeTooSkewed"


def test_the_token_of_a_role_must_be_its_own() -> None:
    role = Credentials("role", "a secret", "token")
    request = signed(credentials=role)
    assert verify(request, lambda key: role).access_key == "role"
    with pytest.raises(AwsError, match="does not exist"):
        verify(request, lambda key: Credentials("role", "a secret", "another"))


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "MissingAuthenticationToken"),
        ("AWSAccessKeyId=x&Signature=y", "InvalidRequest"),
        ("AWSAccessKeyId=own&Signature=y&Expires=9999999999", "InvalidRequest"),
        ("X-Amz-Signature=y", "IncompleteSignature"),
        ("X-Amz-Signature=%ff&X-Amz-Credential=%ff", "IncompleteSignature"),
    ],
)
def test_what_is_no_signature_of_version_4_is_refused(query: str, code: str) -> None:
    headers = Message()
    headers["Host"] = HOST
    assert refusal(SignedRequest("GET", f"/bucket/key?{query}", headers, b"")) == code


def chunked(chunks: list[bytes]) -> SignedRequest:
    """As the AWS SDK for Java sends bodies over HTTP; the chain of signatures as the S3 API reference says."""
    stated = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request = AWSRequest("PUT", f"http://{HOST}/bucket/key", headers={"X-Amz-Decoded-Content-Length": "1"})
    signer = S3SigV4Auth(OWN, "s3", "us-east-1")
    with mock.patch.object(S3SigV4Auth, "payload", return_value=stated):
        signer.add_auth(request)
    sent = received(request, b"")
    before = sent.headers["Authorization"].rpartition("=")[2]
    stamp = sent.headers["X-Amz-Date"]
    key = b"AWS4" + OWN.secret_key.encode()
    for part in (stamp[:8], "us-east-1", "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    body, empty = b"", hashlib.sha256(b"").hexdigest()
    for chunk in [*chunks, b""]:
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, before, empty, hashlib.sha256(chunk).hexdigest()])
        before = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        body += f"{len(chunk):x};chunk-signature={before}\r\n".encode() + chunk + b"\r\n"
    return sent._replace(body=body)


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=4), st.data())
def test_a_body_in_signed_chunks_holds_and_no_byte_of_it_can_change(chunks: list[bytes], data: st.DataObject) -> None:
    request = chunked(chunks)
    verify(request, own_secret)
    if chunks:
        at = request.body.index(b"\r\n") + 2
        bent = bytearray(request.body)
        bent[at] ^= data.draw(st.integers(1, 255))
        assert refusal(request._replace(body=bytes(bent))) in ("SignatureDoesNotMatch", "IncompleteBody")
    assert refusal(request._replace(body=request.body[:-88])) in ("SignatureDoesNotMatch", "IncompleteBody")
