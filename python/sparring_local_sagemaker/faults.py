"""Faults on purpose: which call or phase goes wrong, when, and how.

Documented, with the catalogue of what each does to a client, in ``docs/guide/local-sagemaker.md``.
"""

from __future__ import annotations

import fnmatch
import hashlib
import threading
import time
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sparring_local_sagemaker.settings import read_settings

Caller = Literal["client", "platform"]
ERRORS = ("error", "throttling", "slow_down", "expired_credentials", "access_denied", "internal_error", "unavailable")
TRANSPORT = ("delay", "drop", "cut")
ANSWERS = ("model_error", "short_answer", "empty_answer", "garbled_answer")
PHASES = ("fail", "hang", "interrupt", "disk_full", "delay")


class Match(BaseModel):
    """Which calls a fault strikes.  Calls are counted among those that match in operation, name and caller."""

    model_config = ConfigDict(extra="forbid")

    operation: str = Field(
        description="SageMaker operation (CreateTrainingJob), InvokeEndpoint, InvokeEndpointAsync, s3:GetObject, "
        "container:invocations, or a phase (TrainingJob:Training, Endpoint:Creating, TransformJob:Transforming); "
        "* and ? match any characters"
    )
    name: str = Field("*", description="Name of the resource; BUCKET/KEY for S3")
    caller: Literal["client", "platform", "any"] = Field(
        "client", description="Who calls: a client, or the platform itself while it moves a job's files"
    )
    calls: list[int] | None = Field(None, description="Numbers of the calls, from 1")
    every: int | None = Field(None, ge=1, description="Each n-th call")
    probability: float | None = Field(None, ge=0, le=1, description="Share of calls, drawn by hash: the same each run")
    count: int | None = Field(None, ge=1, description="At most this often")

    def fits(self, operation: str, name: str, caller: Caller) -> bool:
        """Return whether a call counts for this rule."""
        return (
            fnmatch.fnmatchcase(operation, self.operation)
            and fnmatch.fnmatchcase(name, self.name)
            and self.caller in (caller, "any")
        )

    def chooses(self, number: int, seed: str) -> bool:
        """Return whether the call with this number is struck."""
        if self.calls is not None and number not in self.calls:
            return False
        if self.every is not None and number % self.every != 0:
            return False
        return self.probability is None or _share(f"{seed}/{number}") < self.probability


class Effect(BaseModel):
    """What happens to the call."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[
        "error", "throttling", "slow_down", "expired_credentials", "access_denied", "internal_error", "unavailable",
        "delay", "drop", "cut", "model_error", "short_answer", "empty_answer", "garbled_answer",
        "fail", "hang", "interrupt", "disk_full",
    ]  # fmt: skip
    code: str = Field("InternalFailure", description="error: AWS's error code")
    status: int = Field(
        500, ge=400, le=599, description="error and model_error: HTTP status of the container or of AWS"
    )
    message: str = Field("Injected fault", description="error, model_error and fail: what the client reads")
    seconds: float = Field(0.0, ge=0, le=7_200, description="delay: how long; fail, interrupt: after how long")
    rows: int = Field(1, ge=1, description="short_answer: lines that are missing at the end")
    size: int = Field(0, ge=0, description="cut: bytes that still arrive; disk_full: bytes that the volume holds")


class Fault(BaseModel):
    """One rule."""

    model_config = ConfigDict(extra="forbid")

    name: str
    match: Match
    effect: Effect

    @model_validator(mode="after")
    def _fits_its_place(self) -> Fault:
        place, kind = self.match.operation, self.effect.kind
        phase = place.startswith(("TrainingJob:", "TransformJob:", "Endpoint:"))
        allowed = PHASES if phase else (*ERRORS, *TRANSPORT, *ANSWERS)
        if kind not in allowed:
            raise ValueError(f"effect {kind} does not happen at {place}; allowed there: {', '.join(allowed)}")
        if kind in ANSWERS and not fnmatch.fnmatchcase("InvokeEndpoint", place) and place != "container:invocations":
            raise ValueError(f"effect {kind} happens at InvokeEndpoint and container:invocations, not at {place}")
        return self


class FaultFile(BaseModel):
    """What ``--faults`` names."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    faults: list[Fault]


class Faults:
    """The rules of one server and how often each has struck."""

    def __init__(self, rules: FaultFile | None = None) -> None:
        self.rules = rules or FaultFile(faults=[])
        self.struck: list[dict[str, Any]] = []
        self._seen = [0] * len(self.rules.faults)
        self._hits = [0] * len(self.rules.faults)
        self._lock = threading.Lock()

    @classmethod
    def read(cls, path: str | None) -> Faults:
        """Return the rules of a YAML file, or of the text itself; none when ``path`` is None.

        Raises
        ------
        ConfigError
            If the file cannot be read or is not as :class:`FaultFile` says.
        """
        if path is None:
            return cls()
        return cls(read_settings(FaultFile, path))

    def strike(self, operation: str, name: str, caller: Caller = "client") -> Effect | None:
        """Return what happens to this call: the effect of the first rule that chooses it, or None."""
        chosen: Effect | None = None
        with self._lock:
            for at, fault in enumerate(self.rules.faults):
                if not fault.match.fits(operation, name, caller):
                    continue
                self._seen[at] += 1
                spent = fault.match.count is not None and self._hits[at] >= fault.match.count
                if chosen or spent or not fault.match.chooses(self._seen[at], f"{self.rules.seed}/{fault.name}"):
                    continue
                self._hits[at] += 1
                chosen = fault.effect
                self.struck.append({"time": time.time(), "fault": fault.name, "operation": operation, "name": name})
        return chosen


def _share(text: str) -> float:
    """Return a number in [0, 1) that depends on ``text`` alone."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
