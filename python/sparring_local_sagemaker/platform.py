"""What every operation shares: where state lies, S3, logs, images, faults, tags and roles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from botocore.credentials import Credentials

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.faults import Effect, Faults
from sparring_local_sagemaker.logs import Logs
from sparring_local_sagemaker.programs import Images
from sparring_local_sagemaker.secret import variables
from sparring_local_sagemaker.state import Tags

SERVICE = "sagemaker.amazonaws.com"


@dataclass
class Platform:
    """One local SageMaker's surroundings.

    Attributes
    ----------
    state : Path
    url : str
        Of this server.
    credentials : botocore Credentials
        Of its owner.
    s3 : boto3 S3 client
    images : Images
    faults : Faults
    serverless_idle_seconds : float
        After which a serverless endpoint's process ends.
    """

    state: Path
    url: str
    credentials: Credentials
    s3: Any
    images: Images = field(default_factory=Images)
    faults: Faults = field(default_factory=Faults)
    serverless_idle_seconds: float = 300.0

    def __post_init__(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        self.tags = Tags(self.state)
        self.logs = Logs(self.state / "logs.jsonl")
        self.lock = threading.RLock()

    def phase(self, phase: str, name: str) -> Effect | None:
        """Return what goes wrong in a phase of a job or endpoint, such as ``TrainingJob:Training``."""
        return self.faults.strike(phase, name, caller="client")

    def suffer(self, phase: str, name: str, gone: Callable[[], bool]) -> None:
        """Let the fault of a phase happen: fail, or wait until its time is over or nobody waits any more.

        Raises
        ------
        RuntimeError
            With the message of the fault.
        """
        effect = self.phase(phase, name)
        if effect is not None and effect.kind in ("fail", "disk_full", "interrupt"):
            full = "No space left on device" if effect.kind == "disk_full" else effect.message
            raise RuntimeError(full)
        seconds = 0.0 if effect is None else inf if effect.kind == "hang" else effect.seconds
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not gone():
            time.sleep(0.02)

    def variables(self) -> dict[str, str]:
        """Return what lets a program use the AWS of this server, as a container may by its role."""
        return variables(self.url, self.credentials.secret_key)

    def require_role(self, role: str) -> None:
        """Raise as AWS does unless the role exists and lets SageMaker assume it."""
        from moto.iam.models import iam_backends

        known = iam_backends[ACCOUNT]["aws"].roles.values()
        trusts = [str(entry.assume_role_policy_document) for entry in known if entry.arn == role]
        if not any(SERVICE in trust for trust in trusts):
            raise AwsError(
                "ValidationException",
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                f"'{SERVICE}' to assume the role.",
            )


def create_role(arn: str) -> None:
    """Make the role that clients of this server train with."""
    from moto.iam.models import iam_backends

    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", '
        f'"Principal": {{"Service": "{SERVICE}"}}, "Action": "sts:AssumeRole"}}]}}'
    )
    name = arn.rpartition("/")[2]
    iam_backends[ACCOUNT]["aws"].create_role(name, trust, "/", None, "Sparring's own", [], "3600")
