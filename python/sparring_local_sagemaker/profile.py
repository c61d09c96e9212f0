"""What a server hands out to the AWS clients of its user: a profile, variables, and the address of its page."""

from __future__ import annotations

import os
from pathlib import Path

from sparring_local_sagemaker.secret import ACCESS_KEY, REGION, page_token, variables

PROFILE, FILE = "sparring-local", "aws-config"


def write_profile(url: str, secret: str, folder: Path) -> Path:
    """Write a profile that only this user can read; return its file, a value for ``AWS_CONFIG_FILE``."""
    path = folder / FILE
    lines = [
        f"[profile {PROFILE}]",
        f"region = {REGION}",
        f"endpoint_url = {url}",
        f"aws_access_key_id = {ACCESS_KEY}",
        f"aws_secret_access_key = {secret}",
        # boto3 presigns S3's addresses in the old way where it is not told otherwise.
        "s3 =",
        "  addressing_style = path",
        "  signature_version = s3v4",
    ]
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    return path


def handed_out(url: str, secret: str, folder: Path) -> str:
    """Return what is printed at the start: how clients get here, and the page's address."""
    path = write_profile(url, secret, folder).resolve()
    exports = " ".join(f"{name}={value}" for name, value in variables(url, secret).items())
    return "\n".join(
        [
            f"Web page: {url}/?token={page_token(secret)}",
            "AWS clients come here with either line; the secret is new at each start:",
            f"  export AWS_CONFIG_FILE={path} AWS_PROFILE={PROFILE}",
            f"  export {exports}",
        ]
    )
