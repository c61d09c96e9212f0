"""Clients of this server: boto3's, which the user's own AWS does not lead astray, and none at all."""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session

from sparring_local_sagemaker.secret import REGION

ACCOUNT = "123456789012"
# botocore's settings that name the user's profile and files, which may not even exist: read from nowhere.
OWN_VARIABLES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
# How the server tells its own calls from a client's.
PLATFORM_AGENT = "sparring-platform"


def client(service: str, endpoint_url: str, credentials: Credentials, agent: str | None = None) -> Any:
    """Return a boto3 client of the local server, which signs as the owner of ``credentials``."""
    config = Config(
        s3={"addressing_style": "path"},
        retries={"max_attempts": 3},
        user_agent_extra=agent,
        # boto3 presigns S3's addresses in the old way where it is not told otherwise.
        signature_version="s3v4" if service == "s3" else None,
        # Nobody's proxy leads to loopback.
        proxies={},
    )
    keys = {"aws_access_key_id": credentials.access_key, "aws_secret_access_key": credentials.secret_key}
    session = boto3.Session(botocore_session=Session(session_vars=OWN_VARIABLES), region_name=REGION, **keys)
    return session.client(service, endpoint_url=endpoint_url, config=config)


def signed_headers(
    credentials: Credentials, service: str, method: str, address: str, body: bytes, headers: dict[str, str] | None
) -> dict[str, str]:
    """Return the headers of a signed request that no client of botocore's makes."""
    request = AWSRequest(method, address, data=body, headers=headers or {})
    (S3SigV4Auth if service == "s3" else SigV4Auth)(credentials, service, REGION).add_auth(request)
    return dict(request.headers.items())
