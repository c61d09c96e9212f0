"""A batch transform job: containers, a file at a time each, one ``.out`` a file."""

from __future__ import annotations

import gzip
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from sparring.io.s3_uri import split_s3_uri
from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.instances import instance
from sparring_local_sagemaker.logs import TRANSFORM_GROUP
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.runtime.processing import Processing
from sparring_local_sagemaker.runtime.records import batches, split
from sparring_local_sagemaker.runtime.replica import Ended, Replica, Request, replica
from sparring_local_sagemaker.state import Record, Store
from sparring_local_sagemaker.storage import S3Object, nothing_found, objects_below
from sparring_local_sagemaker.training.channels import manifest_objects

RUNS = ("InProgress", "Stopping")
DEFAULTS = {"MaxConcurrentTransforms": 1, "MaxPayloadInMB": 6, "BatchStrategy": "MultiRecord"}
# A container names them in its own way.
STRATEGIES = {"SINGLE_RECORD": "SingleRecord", "MULTI_RECORD": "MultiRecord"}
# 0 stands for no limit.
UNLIMITED = 1 << 40
DEFAULT_TIMEOUT, DEFAULT_RETRIES = 600, 3


class StopRequested(Exception):
    """Raised inside a job that was stopped."""


class TransformJob:
    """One batch transform job and its thread.

    Parameters
    ----------
    platform : Platform
    store : Store
        Keeps the job's record.
    record : dict
        What DescribeTransformJob answers.
    containers : list of dict
        Of its model.
    folder : Path
    """

    def __init__(
        self, platform: Platform, store: Store, record: Record, containers: list[Record], folder: Path
    ) -> None:
        self.platform, self.store, self.record, self.containers = platform, store, record, containers
        self.folder = folder
        self.name: str = record["TransformJobName"]
        self.processing = Processing.of(record)
        self._stop = threading.Event()
        self._replicas: list[Replica] = []
        self._lock = threading.RLock()
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def status(self) -> str:
        """InProgress, Stopping, Stopped, Completed or Failed."""
        status: str = self.record["TransformJobStatus"]
        return status

    def start(self) -> None:
        """Begin."""
        self._enter("InProgress")
        self.thread.start()

    def stop(self) -> None:
        """Ask the job to stop, as StopTransformJob does."""
        with self._lock:
            if self.status not in RUNS:
                raise AwsError(
                    "ValidationException",
                    f"The request was rejected because the transform job is in status {self.status}",
                )
            self._enter("Stopping")
            self._stop.set()
        for entry in self._replicas:
            entry.end()

    def kill(self) -> None:
        """End the job's processes at once: the server goes down."""
        self._stop.set()
        for entry in self._replicas:
            entry.end()

    def _enter(self, status: str, sure: bool = False, **members: Any) -> None:
        with self._lock:
            fresh = {**self.record, "TransformJobStatus": status, "LastModifiedTime": time.time(), **members}
            self.record = self.store.put(self.name, fresh, sure)

    # -- the job -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._run_to_its_end()
        except Exception as error:
            # The end itself failed: the disk took no record of it.
            self._enter("Failed", sure=True, TransformEndTime=time.time(), FailureReason=str(error)[:1_024])

    def _run_to_its_end(self) -> None:
        status, failure = "Completed", {}
        try:
            self._transform()
        except Exception as error:
            status, failure = "Failed", {"FailureReason": str(error)[:1_024]}
        for entry in self._replicas:
            entry.end()
        self.platform.logs.ship({c.launch.log for entry in self._replicas for c in entry.containers})
        with self._lock:
            if self._stop.is_set():
                status, failure = "Stopped", {}
            self._enter(status, status == "Failed", TransformEndTime=time.time(), **failure)

    def _suffer(self, phase: str) -> None:
        self.platform.suffer(f"TransformJob:{phase}", self.name, self._stop.is_set)
        self._go_on()

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise StopRequested

    def _transform(self) -> None:
        self._suffer("Starting")
        objects = self._inputs()
        self._enter("InProgress", TransformStartTime=time.time())
        self._start_containers(min(len(objects), self.record["TransformResources"]["InstanceCount"]))
        settings = self._settings(self._replicas[0])
        with ThreadPoolExecutor(len(self._replicas)) as pool:
            work = [
                pool.submit(self._share, entry, objects[at :: len(self._replicas)], settings)
                for at, entry in enumerate(self._replicas)
            ]
        for done in work:
            done.result()
        self._suffer("Uploading")

    def _inputs(self) -> list[S3Object]:
        source = self.record["TransformInput"]["DataSource"]["S3DataSource"]
        find = manifest_objects if source["S3DataType"] == "ManifestFile" else objects_below
        objects = find(self.platform.s3, source["S3Uri"])
        if not objects:
            raise RuntimeError(f"ClientError: {nothing_found(source['S3Uri'])}")
        # The names of outputs are those of the inputs below the last folder of the prefix.
        folder = split_s3_uri(source["S3Uri"])[1].rpartition("/")[0]
        if source["S3DataType"] == "S3Prefix":
            return [entry._replace(name=entry.key[len(folder) :].lstrip("/")) for entry in objects]
        return objects

    def _start_containers(self, count: int) -> None:
        size = instance(self.record["TransformResources"]["InstanceType"])
        variables = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": self.record.get("BatchStrategy", ""),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(self.record.get("MaxConcurrentTransforms", "")),
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self.record.get("MaxPayloadInMB", "")),
            **(size.variables(count) if size is not None else {}),
        }
        own = self.record.get("Environment", {})
        containers = [entry | {"Environment": {**entry.get("Environment", {}), **own}} for entry in self.containers]
        for _ in range(count):
            number = f"i-{uuid.uuid4().hex[:12]}"
            memory = size.memory_bytes if size is not None else None
            made = replica(self.platform, self.name, containers, self.folder / number, variables, memory)
            with self._lock:
                self._go_on()
                self._replicas.append(made)
            for container in made.containers:
                self.platform.logs.follow(TRANSFORM_GROUP, f"{self.name}/{number}", container.launch.log)
            try:
                made.start()
            except Ended as error:
                raise StopRequested from error

    def _settings(self, one: Replica) -> Record:
        """Return strategy and limits: the request's, else the container's own, else AWS's defaults."""
        given = {name: self.record[name] for name in DEFAULTS if name in self.record}
        told = {} if len(given) == len(DEFAULTS) else one.parameters()
        if told.get("BatchStrategy") in STRATEGIES:
            told["BatchStrategy"] = STRATEGIES[told["BatchStrategy"]]
        return {**DEFAULTS, **told, **given}

    def _share(self, one: Replica, objects: list[S3Object], settings: Record) -> None:
        """Transform the files of one instance, one after the other."""
        for entry in objects:
            self._go_on()
            self._suffer("Transforming")
            with tempfile.TemporaryFile(dir=self.folder) as out:
                self._file(one, entry, settings, out)
                out.seek(0)
                bucket, key = split_s3_uri(self.record["TransformOutput"]["S3OutputPath"])
                key = f"{key.rstrip('/')}/{entry.name}.out".lstrip("/")
                self.platform.s3.upload_fileobj(out, bucket, key)

    def _file(self, one: Replica, entry: S3Object, settings: Record, out: IO[bytes]) -> None:
        """Write the output of one file, batch by batch, in the order of its records."""
        workers = max(1, settings["MaxConcurrentTransforms"])
        under_way: deque[Future[bytes]] = deque()
        line = self.record["TransformOutput"].get("AssembleWith", "None") == "Line"

        def write() -> None:
            piece = under_way.popleft().result()
            out.write(piece + (b"\n" if line and not piece.endswith(b"\n") else b""))

        with ThreadPoolExecutor(workers) as pool:
            try:
                for batch in self._batches(entry, settings):
                    self._go_on()
                    under_way.append(pool.submit(self._answer, one, batch))
                    if len(under_way) >= 2 * workers:
                        write()
                while under_way:
                    write()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _batches(self, entry: S3Object, settings: Record) -> Iterator[list[bytes]]:
        given = self.record["TransformInput"]
        body = self.platform.s3.get_object(Bucket=entry.bucket, Key=entry.key)["Body"]
        stream: Any = gzip.GzipFile(fileobj=body) if given.get("CompressionType") == "Gzip" else body
        kind = given.get("SplitType", "None")
        limit = (settings["MaxPayloadInMB"] << 20) or UNLIMITED
        records = split(stream, kind)
        return batches(records, settings["BatchStrategy"], limit, self._separator)

    @property
    def _separator(self) -> bytes:
        return b"\n" if self.record["TransformInput"].get("SplitType") == "Line" else b""

    def _answer(self, one: Replica, batch: list[bytes]) -> bytes:
        """Return what is written for one mini-batch."""
        body = self._separator.join(self.processing.before(record) for record in batch)
        given, wanted = self.record["TransformInput"], self.record["TransformOutput"]
        request = Request.of(body, given.get("ContentType", ""), wanted.get("Accept"))
        answer = self._invoke(one, request)
        if not self.processing.active:
            return answer.body
        lines = self.processing.after(batch, answer.body, wanted.get("Accept") or answer.content_type)
        return b"\n".join(lines)

    def _invoke(self, one: Replica, request: Request) -> Any:
        """Invoke the container; try again on its errors, not on the client's."""
        config = self.record.get("ModelClientConfig", {})
        seconds = config.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT)
        retries = config.get("InvocationsMaxRetries", DEFAULT_RETRIES)
        while True:
            try:
                return one.invoke(request, seconds)
            except AwsError as error:
                client = 400 <= error.members.get("OriginalStatusCode", 0) < 500
                if client or retries == 0 or self._stop.is_set():
                    raise RuntimeError(f"{'ClientError' if client else 'AlgorithmError'}: {error}") from error
                retries -= 1
