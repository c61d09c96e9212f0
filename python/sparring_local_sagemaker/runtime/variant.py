"""Production variants: replicas that always run, or one that starts with the first request."""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.instances import instance
from sparring_local_sagemaker.logs import endpoint_group
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.replica import (
    INVOKE_SECONDS,
    START_SECONDS,
    Answer,
    Replica,
    Request,
    replica,
)
from sparring_local_sagemaker.state import Record


class Variant:
    """A variant on instances of its own.

    Parameters
    ----------
    platform : Platform
    endpoint : str
    config : dict
        Its entry in ``ProductionVariants``.
    containers : list of dict
        Of its model.
    folder : Path
    """

    def __init__(
        self, platform: Platform, endpoint: str, config: Record, containers: Sequence[Record], folder: Path
    ) -> None:
        self.platform, self.endpoint, self.config, self.folder = platform, endpoint, config, folder
        self.containers = list(containers)
        self.name: str = config["VariantName"]
        self.weight: float = config.get("InitialVariantWeight", 1.0)
        # Those that answer; and all that may have a process, from before it starts.
        self.replicas: list[Replica] = []
        self._made_here: list[Replica] = []
        self._turn = itertools.count()

    def start(self) -> None:
        """Start the replicas, all at once; returns when each answers."""
        self.scale(self.config["InitialInstanceCount"])

    def scale(self, count: int) -> None:
        """Start or end replicas until there are ``count``."""
        fresh = [self._replica() for _ in range(count - len(self.replicas))]
        if fresh:
            with ThreadPoolExecutor(len(fresh)) as pool:
                list(pool.map(Replica.start, fresh))
        surplus = self.replicas[count:]
        self.replicas = [*self.replicas, *fresh][:count]
        for entry in surplus:
            entry.end()
            self._made_here.remove(entry)

    def _replica(self) -> Replica:
        size = instance(self.config.get("InstanceType", ""))
        limits = size.variables() if size is not None else {}
        return self._made(limits, size.memory_bytes if size is not None else None)

    def _made(self, variables: dict[str, str], memory_bytes: int | None) -> Replica:
        number = f"i-{uuid.uuid4().hex[:12]}"
        startup = self.config.get("ContainerStartupHealthCheckTimeoutInSeconds", START_SECONDS)
        made = replica(
            self.platform, self.endpoint, self.containers, self.folder / number, variables, memory_bytes, startup
        )
        for container in made.containers:
            self.platform.logs.follow(endpoint_group(self.endpoint), f"{self.name}/{number}", container.launch.log)
        self._made_here.append(made)
        return made

    def invoke(self, request: Request, seconds: float = INVOKE_SECONDS) -> Answer:
        """Return the answer of the replica whose turn it is."""
        replicas = self.replicas
        return replicas[next(self._turn) % len(replicas)].invoke(request, seconds)

    def summary(self) -> Record:
        """Return the variant's entry in DescribeEndpoint."""
        count = len(self.replicas)
        return self._weights() | {"CurrentInstanceCount": count, "DesiredInstanceCount": count}

    def _weights(self) -> Record:
        images = [
            {"SpecifiedImage": c["Image"], "ResolvedImage": c["Image"], "ResolutionTime": time.time()}
            for c in self.containers
        ]
        weights = {"CurrentWeight": self.weight, "DesiredWeight": self.weight}
        return {"VariantName": self.name, "DeployedImages": images, **weights}

    def end(self) -> None:
        """End every process, also those that are being started."""
        for entry in self._made_here:
            entry.end()


class ServerlessVariant(Variant):
    """A variant without instances: its process starts with a request and ends after an idle time."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        serverless = self.config["ServerlessConfig"]
        self.limit: int = serverless["MaxConcurrency"]
        self._memory = serverless["MemorySizeInMB"] << 20
        self._active = 0
        self._lock = threading.Lock()
        self._cold = threading.Lock()
        self._timer: threading.Timer | None = None
        self._gone = False

    def start(self) -> None:
        """Prove that the container starts, as AWS does before it says InService, and let it go."""
        probe = self._made({}, self._memory)
        self.replicas = [probe]
        probe.start()
        self._let_go()

    def invoke(self, request: Request, seconds: float = INVOKE_SECONDS) -> Answer:
        """Return the answer, after a cold start if nothing runs.

        Raises
        ------
        AwsError
            ``ThrottlingException`` beyond ``MaxConcurrency``.
        """
        self._enter()
        try:
            return self._warm().invoke(request, seconds)
        finally:
            self._leave()

    def _enter(self) -> None:
        with self._lock:
            if self._active >= self.limit:
                raise AwsError(
                    "ThrottlingException", f"Rate exceeded: endpoint {self.endpoint} has {self.limit} at most"
                )
            self._active += 1
            if self._timer is not None:
                self._timer.cancel()

    def _leave(self) -> None:
        with self._lock:
            self._active -= 1
            if self._active == 0 and not self._gone:
                self._timer = threading.Timer(self.platform.serverless_idle_seconds, self._let_go_if_idle)
                self._timer.daemon = True
                self._timer.start()

    def _warm(self) -> Replica:
        """Return a running replica; the first request waits for its start, others with it."""
        with self._cold:
            if not self.replicas:
                fresh = self._made({}, self._memory)
                self.replicas = [fresh]
                try:
                    fresh.start()
                except Exception as error:
                    self.replicas = []
                    raise AwsError("ModelError", f"The container did not start: {error}", 424) from error
            return self.replicas[0]

    def _let_go_if_idle(self) -> None:
        with self._cold, self._lock:
            if self._active:
                return
            self._let_go()

    def _let_go(self) -> None:
        self.replicas = []
        while self._made_here:
            self._made_here.pop().end()

    def summary(self) -> Record:
        """Return the variant's entry in DescribeEndpoint."""
        config = self.config["ServerlessConfig"]
        return self._weights() | {"CurrentServerlessConfig": config, "DesiredServerlessConfig": config}

    def end(self) -> None:
        """End the process, if one runs, and start none any more."""
        with self._lock:
            self._gone = True
            if self._timer is not None:
                self._timer.cancel()
        self._let_go()
