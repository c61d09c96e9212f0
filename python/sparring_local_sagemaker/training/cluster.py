"""The hosts of a training job: a process each, with its own tree, shard, name and address."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sparring_local_sagemaker.instances import instance
from sparring_local_sagemaker.logs import TRAINING_GROUP
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.processes import Launch, Program, clear
from sparring_local_sagemaker.programs import Recipe
from sparring_local_sagemaker.storage import S3Object, download, merged, objects_below, upload_living
from sparring_local_sagemaker.training.channels import Channel, Feeder, fill

CHECKPOINTS = "/opt/ml/checkpoints"
INTERFACE = "lo"
JOBS = itertools.count(1)


class Host:
    """One host: its name, tree and program."""

    def __init__(self, name: str, base: Path, log: Path) -> None:
        self.name, self.base, self.log = name, base, log
        self.program: Program | None = None
        self.feeders: list[Feeder] = []
        for folder in ("input/config", "input/data", "model", "output/data", "code"):
            (base / folder).mkdir(parents=True, exist_ok=True)

    @property
    def code(self) -> int | None:
        """Exit code, None while the program runs; a signal is told as 128 + its number."""
        if self.program is None or self.program.running:
            return None
        code = self.program.wait()
        return 128 - code if code < 0 else code

    def failure(self) -> str:
        """Return what the program says of its failure: its failure file, else its last line."""
        file = self.base / "output" / "failure"
        if file.is_file() and not file.is_symlink():
            return file.read_text(errors="replace")
        lines = self.log.read_text(errors="replace").strip().splitlines()[-1:] if self.log.exists() else []
        return " ".join(lines) or "it printed nothing"


class Cluster:
    """The hosts of one attempt at a job.

    Parameters
    ----------
    platform : Platform
    request : dict
        A valid CreateTrainingJob request.
    recipe : Recipe
        What runs in place of the image's ``train``.
    folder : Path
        Of this attempt.
    """

    def __init__(self, platform: Platform, request: dict[str, Any], recipe: Recipe, folder: Path) -> None:
        self.platform, self.request, self.recipe, self.folder = platform, request, recipe, folder
        self.count: int = request["ResourceConfig"].get("InstanceCount", 1)
        epoch = int(time.time() * 1_000)
        self.hosts = []
        for number in range(1, self.count + 1):
            name = f"algo-{number}"
            host = Host(name, folder / name / "opt-ml", folder / name / "log.txt")
            self.hosts.append(host)
            stream = f"{request['TrainingJobName']}/{name}-{epoch}"
            platform.logs.follow(TRAINING_GROUP, stream, host.log)
        self._synced: dict[Path, tuple[int, int]] = {}

    def lay_out(self, volume_bytes: int) -> None:
        """Write the configuration files, fill the channels, restore checkpoints.

        Raises
        ------
        RuntimeError
            If a channel is empty, or larger than the volume.
        """
        mode = self.request["AlgorithmSpecification"].get("TrainingInputMode", "File")
        channels = [Channel(entry, mode) for entry in self.request.get("InputDataConfig", [])]
        objects = {channel.name: channel.objects(self.platform.s3) for channel in channels}
        for at, host in enumerate(self.hosts):
            self._configure(host, channels)
            parts = {channel.name: channel.shard(objects[channel.name], at, self.count) for channel in channels}
            self._refuse_overflow([p for c in channels if c.mode == "File" for p in parts[c.name]], volume_bytes)
            for channel in channels:
                host.feeders += self._fill(host, channel, parts[channel.name])
            self._restore(host)

    def _fill(self, host: Host, channel: Channel, objects: Sequence[S3Object]) -> list[Feeder]:
        try:
            feeder = fill(self.platform.s3, channel, objects, host.base / "input" / "data")
        except (ClientError, OSError) as error:
            # A name of 256 bytes and more is a key, but no file.
            raise RuntimeError(f"ClientError: Data download failed: {error}") from error
        return [feeder] if feeder is not None else []

    @staticmethod
    def _refuse_overflow(objects: Sequence[S3Object], volume_bytes: int) -> None:
        size = sum(entry.size for entry in objects)
        if size > volume_bytes:
            raise RuntimeError(
                f"ClientError: Data download failed: No space left on device: {size} bytes of input, "
                f"a volume of {volume_bytes}. Raise VolumeSizeInGB."
            )

    def _configure(self, host: Host, channels: Sequence[Channel]) -> None:
        names = [entry.name for entry in self.hosts]
        kind = self.request["ResourceConfig"].get("InstanceType", "")
        files: dict[str, Any] = {
            "hyperparameters": self.request.get("HyperParameters", {}),
            "inputdataconfig": {channel.name: channel.config() for channel in channels},
            "resourceconfig": {
                "current_host": host.name,
                "current_instance_type": kind,
                "current_group_name": "homogeneousCluster",
                "hosts": sorted(names),
                "instance_groups": [
                    {"instance_group_name": "homogeneousCluster", "instance_type": kind, "hosts": sorted(names)}
                ],
                "network_interface_name": INTERFACE,
            },
        }
        for name, value in files.items():
            (host.base / "input" / "config" / f"{name}.json").write_text(json.dumps(value))

    def start(self) -> None:
        """Start the program of every host."""
        size = instance(self.request["ResourceConfig"].get("InstanceType", ""))
        environment = {
            **self.platform.variables(),
            **(size.variables(self.count) if size is not None else {}),
            **self.request.get("Environment", {}),
            "TRAINING_JOB_NAME": self.request["TrainingJobName"],
            "TRAINING_JOB_ARN": self.request["TrainingJobArn"],
            "SPARRING_HOST_ADDRESSES": json.dumps(self._addresses()),
        }
        for host in self.hosts:
            for feeder in host.feeders:
                feeder.start()
            limit = size.memory_bytes if size is not None else None
            host.program = Launch(self.recipe, host.base, host.log, environment, limit).run()

    def _addresses(self) -> dict[str, str]:
        """Return a loopback address a host, no other job's, so that programs may listen on ports of their choice.

        Only Linux answers on all of 127.0.0.0/8 unasked; elsewhere jobs at one time share their addresses.
        """
        number = next(JOBS)
        network = f"127.{os.getpid() % 250 + 1}.{number % 250}" if sys.platform == "linux" else "127.0.0"
        return {host.name: f"{network}.{at}" for at, host in enumerate(self.hosts, start=1)}

    def ended(self) -> bool:
        """Whether no host runs any more, or one has failed."""
        codes = [host.code for host in self.hosts]
        return all(code is not None for code in codes) or any(codes)

    def failed(self) -> Host | None:
        """Return a host that ended with an error, None if there is none."""
        return next((host for host in self.hosts if host.code), None)

    def end(self, grace: float) -> None:
        """End every program: SIGTERM to all, SIGKILL to those left after ``grace`` seconds."""
        programs = [host.program for host in self.hosts if host.program is not None]
        for program in programs:
            program.ask_to_end()
        deadline = time.monotonic() + grace
        for program in programs:
            program.end(max(0.0, deadline - time.monotonic()))
        for host in self.hosts:
            for feeder in host.feeders:
                feeder.stop()

    def clear(self) -> None:
        """Delete the hosts' trees; their logs stay."""
        for host in self.hosts:
            clear(host.base)

    # -- what comes out ----------------------------------------------------------------------------

    def files(self, folder: str) -> dict[str, Path]:
        """Return the files that all hosts have left in ``model`` or ``output/data``."""
        return merged([host.base / folder for host in self.hosts])

    def _checkpoints(self, host: Host) -> Path:
        path = self.request["CheckpointConfig"].get("LocalPath", CHECKPOINTS)
        return host.base / path.removeprefix("/opt/ml/").strip("/")

    def _restore(self, host: Host) -> None:
        if "CheckpointConfig" in self.request:
            folder, uri = self._checkpoints(host), self.request["CheckpointConfig"]["S3Uri"]
            download(self.platform.s3, objects_below(self.platform.s3, f"{uri.rstrip('/')}/"), folder)

    def save_checkpoints(self) -> None:
        """Put the checkpoints that are new or have changed in S3."""
        if "CheckpointConfig" not in self.request:
            return
        for host in self.hosts:
            files = merged([self._checkpoints(host)])
            states = {name: state for name, path in files.items() if (state := _state(path)) is not None}
            changed = {name: files[name] for name, state in states.items() if self._synced.get(files[name]) != state}
            # Its program may write on: a file's state is read before its bytes, so that the next look sees the rest.
            kept = upload_living(self.platform.s3, changed, self.request["CheckpointConfig"]["S3Uri"], self.folder)
            self._synced |= {files[name]: states[name] for name in kept}

    def has_checkpoints(self) -> bool:
        """Whether a program has written a checkpoint."""
        return "CheckpointConfig" in self.request and bool(merged([self._checkpoints(host) for host in self.hosts]))


def _state(path: Path) -> tuple[int, int] | None:
    """Return what tells that a file has changed; None if its program has removed it since."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size
