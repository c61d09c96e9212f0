"""Who may call: the owner of this server, by a secret made at its start, and whoever its IAM and STS gave keys."""

from __future__ import annotations

import os
from typing import Any

from botocore.credentials import Credentials

from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.secret import ACCESS_KEY, SECRET_VARIABLE, new_secret
from sparring_local_sagemaker.signatures import SecretOf


def owner(secret: str | None = None) -> Credentials:
    """Return the owner's credentials, with the secret that the parent process made, else with a new one."""
    return Credentials(ACCESS_KEY, secret or os.environ.pop(SECRET_VARIABLE, "") or new_secret())


def secrets_of(own: Credentials) -> SecretOf:
    """Return the function that finds a key's secret: the owner's, an IAM user's, or an assumed role's.

    The tokens that moto's STS hands out for a session or a federation bear a secret that is the same everywhere: they
    open nothing.
    """

    def find(access_key: str) -> Credentials | None:
        return own if access_key == own.access_key else _of_user(access_key) or _of_role(access_key)

    return find


def _of_user(access_key: str) -> Credentials | None:
    from moto.iam.models import iam_backends

    users: Any = iam_backends[ACCOUNT]["aws"].users.values()
    keys = (key for user in users for key in user.access_keys)
    found = next((key for key in keys if key.access_key_id == access_key and key.status == "Active"), None)
    return None if found is None else Credentials(access_key, found.secret_access_key)


def _of_role(access_key: str) -> Credentials | None:
    from moto.core.utils import utcnow
    from moto.sts.models import sts_backends

    roles: Any = sts_backends[ACCOUNT]["aws"].assumed_roles
    found = next((role for role in roles if role.access_key_id == access_key and role.expiration > utcnow()), None)
    return None if found is None else Credentials(access_key, found.secret_access_key, found.session_token)
