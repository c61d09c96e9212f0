"""The secret of one server: made at its start, handed to its clients, and the key to its web page."""

from __future__ import annotations

import hashlib
import hmac
import secrets

ACCESS_KEY, REGION = "sparring-local", "us-east-1"
# How a parent hands the secret to its server: a command line is for all users of a machine to read.
SECRET_VARIABLE = "SPARRING_LOCAL_AWS_SECRET"


def new_secret() -> str:
    """Return a secret access key that nobody can guess."""
    return secrets.token_urlsafe(30)


def page_token(secret: str) -> str:
    """Return what opens the web page: it tells nothing of the secret that it is made of."""
    return hmac.new(secret.encode(), b"the web page", hashlib.sha256).hexdigest()[:32]


def variables(url: str, secret: str) -> dict[str, str]:
    """Return the environment that makes any AWS client use the server at ``url``."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
