"""A training job: from Starting to Completed, Failed or Stopped, through SageMaker's secondary statuses."""

from __future__ import annotations

import threading
import time
from math import inf
from pathlib import Path
from typing import Any

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.faults import Effect
from sparring_local_sagemaker.platform import Platform
from sparring_local_sagemaker.processes import GRACE_SECONDS
from sparring_local_sagemaker.state import Record, Store
from sparring_local_sagemaker.storage import upload_archive, upload_files
from sparring_local_sagemaker.training.cluster import Cluster
from sparring_local_sagemaker.training.entry_point import training_recipe
from sparring_local_sagemaker.training.metrics import MetricFeed, final_metrics

FAILURE_CHARACTERS = 1_024
DEFAULT_MAX_RUNTIME = 86_400
POLL_SECONDS = 0.02
SYNC_SECONDS = 1.0
GIGABYTE = 10**9
MESSAGES = {
    "Starting": "Preparing the local emulator for training",
    "Downloading": "Downloading input data",
    "Training": "Training the algorithm as a local process",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "Stopping": "Stopping the training job",
    "Interrupted": "Spot capacity was taken back; the job goes on when there is capacity again",
    "Restarting": "Restarting the training job after an internal error",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "Training job waited longer than MaxWaitTimeInSeconds",
}
# What may follow each status; nothing follows the last three.
FOLLOWS = {
    "InProgress": {"InProgress", "Stopping", "Stopped", "Completed", "Failed"},
    "Stopping": {"Stopping", "Stopped", "Failed"},
}


class StopRequested(Exception):
    """Raised inside a job that was stopped: by a request, or by a limit of its own."""


class Interrupted(Exception):
    """Raised inside a job whose spot capacity was taken back."""


class TrainingJob:
    """One training job and its thread.

    Parameters
    ----------
    platform : Platform
    store : Store
        Keeps the job's record.
    record : dict
        What DescribeTrainingJob answers; at first the request with ARN and times.
    image : str
        The image of its algorithm.
    folder : Path
        Of its attempts.
    """

    def __init__(self, platform: Platform, store: Store, record: Record, image: str, folder: Path) -> None:
        self.platform, self.store, self.record, self.image, self.folder = platform, store, record, image, folder
        self.name: str = record["TrainingJobName"]
        self.cluster: Cluster | None = None
        self._lock = threading.RLock()
        self._stop = threading.Event()
        # The secondary status of a job that has stopped, by what stopped it.
        self._reason = "Stopped"
        self._grace = GRACE_SECONDS
        self._attempts = 0
        self._metrics = MetricFeed(self.name, record["AlgorithmSpecification"].get("MetricDefinitions", []))
        self._billable = 0.0
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def status(self) -> str:
        """InProgress, Stopping, Stopped, Completed or Failed."""
        status: str = self.record["TrainingJobStatus"]
        return status

    def start(self) -> None:
        """Begin."""
        self.record |= {"TrainingJobStatus": "InProgress", "SecondaryStatusTransitions": []}
        self._move("Starting")
        self.thread.start()

    def stop(self) -> None:
        """Ask the job to stop, as StopTrainingJob does."""
        with self._lock:
            if self.status not in FOLLOWS:
                raise AwsError(
                    "ValidationException",
                    f"The request was rejected because the training job is in status {self.status}",
                )
            if not self._stop.is_set():
                self._request_stop("Stopped")

    def kill(self) -> None:
        """End the job's processes at once: the server goes down."""
        with self._lock:
            self._grace = 0.5
            self._stop.set()
        self.thread.join(5.0)

    def describe(self) -> Record:
        """Return the answer of DescribeTrainingJob."""
        with self._lock:
            return shown(self.record)

    # -- statuses ----------------------------------------------------------------------------------

    def _move(self, secondary: str, status: str | None = None, sure: bool = False, **members: Any) -> None:
        """Enter a secondary status, closing the one before; as :meth:`Store.put` says of ``sure``."""
        with self._lock:
            now, transitions = time.time(), [dict(entry) for entry in self.record["SecondaryStatusTransitions"]]
            assert (status or self.status) in FOLLOWS[self.status], f"{self.status} is not followed by {status}"
            if transitions:
                transitions[-1]["EndTime"] = now
            message = members.get("FailureReason", MESSAGES[secondary])
            transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": message})
            fresh = {
                **self.record,
                "SecondaryStatusTransitions": transitions,
                "SecondaryStatus": secondary,
                "LastModifiedTime": now,
                "TrainingJobStatus": status or self.status,
                **members,
            }
            self.record = self.store.put(self.name, fresh, sure)

    def _enter(self, secondary: str) -> Effect | None:
        """Enter a secondary status unless the job was stopped; return the fault of this phase."""
        with self._lock:
            self._go_on()
            self._move(secondary)
        return self._suffer(self.platform.phase(f"TrainingJob:{secondary}", self.name), secondary)

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise StopRequested

    def _suffer(self, effect: Effect | None, secondary: str) -> Effect | None:
        """Let a fault happen; one that needs a running program is returned."""
        if effect is None or (secondary == "Training" and effect.kind != "delay"):
            return effect
        if effect.kind == "fail":
            raise RuntimeError(effect.message)
        if effect.kind == "interrupt":
            raise Interrupted
        if effect.kind == "delay":
            self._pause(effect.seconds)
        if effect.kind == "hang":
            self._pause(inf)
        return effect

    def _pause(self, seconds: float) -> None:
        """Wait, no longer than the job may live."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._stop.wait(POLL_SECONDS):
            self._keep_limits()
        self._go_on()

    def _request_stop(self, reason: str) -> None:
        with self._lock:
            self._move("Stopping", status="Stopping")
            self._reason = reason
            self._stop.set()

    # -- the job -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._run_to_its_end()
        except Exception as error:
            # The end itself failed: the disk took no record of it.
            with self._lock:
                if self.status in FOLLOWS:
                    self._move("Failed", "Failed", sure=True, FailureReason=_reason(error))

    def _run_to_its_end(self) -> None:
        try:
            self._attempt_until_done()
        except StopRequested:
            self._finish(self._reason, "Stopped")
        except Exception as error:
            self._finish("Failed", "Failed", sure=True, FailureReason=_reason(error))
        else:
            with self._lock:
                # A stop that came while the model was uploaded.
                ending = (self._reason, "Stopped") if self._stop.is_set() else ("Completed", "Completed")
                self._finish(*ending)

    def _finish(self, secondary: str, status: str, **members: Any) -> None:
        self.platform.logs.ship({host.log for host in self.cluster.hosts} if self.cluster is not None else ())
        now, started = time.time(), self.record.get("TrainingStartTime")
        if started is not None:
            whole, billed = (max(1, round(seconds)) for seconds in (now - started, self._billable))
            members |= {"TrainingEndTime": now, "TrainingTimeInSeconds": whole, "BillableTimeInSeconds": billed}
        if self.cluster is not None:
            self._metrics.move(self.cluster.hosts[0].log)
        definitions = self.record["AlgorithmSpecification"].get("MetricDefinitions", [])
        metrics = final_metrics(definitions, sorted(self.folder.glob("*/algo-1/log.txt")), now)
        if metrics:
            members["FinalMetricDataList"] = metrics
        self._move(secondary, status, **members)

    def _attempt_until_done(self) -> None:
        """Try again after a spot interruption, and after an internal error as often as the request says."""
        retries = self.record.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0)
        while True:
            try:
                return self._attempt()
            except Interrupted:
                self._enter("Interrupted")
            except RuntimeError as error:
                if not str(error).startswith("InternalServerError") or retries == 0:
                    raise
                retries -= 1
                self._enter("Restarting")
            self._enter("Starting")

    def _attempt(self) -> None:
        effect = self.platform.phase("TrainingJob:Starting", self.name) if self._attempts == 0 else None
        self._suffer(effect, "Starting")
        self._attempts += 1
        recipe = training_recipe(self.platform.images, self.image, self.record)
        self.cluster = Cluster(self.platform, self.record, recipe, self.folder / str(self._attempts))
        self.record.setdefault("TrainingStartTime", time.time())
        began = time.monotonic()
        try:
            self._work(self.cluster)
        finally:
            self.cluster.end(self._grace)
            self.cluster.clear()
            self._billable += time.monotonic() - began

    def _work(self, cluster: Cluster) -> None:
        effect = self._enter("Downloading")
        full = effect is not None and effect.kind == "disk_full"
        volume = effect.size if effect is not None and full else self._volume_bytes()
        cluster.lay_out(volume)
        effect = self._enter("Training")
        with self._lock:
            # A stop that came before there was a program to end.
            self._go_on()
            cluster.start()
        self._watch(cluster, effect)
        effect = self._enter("Uploading")
        if effect is not None and effect.kind == "disk_full":
            raise RuntimeError("ClientError: Model upload failed: No space left on device")
        self._upload(cluster)

    def _volume_bytes(self) -> int:
        return int(self.record["ResourceConfig"].get("VolumeSizeInGB", 0) * GIGABYTE)

    def _watch(self, cluster: Cluster, effect: Effect | None) -> None:
        """Return when every host has ended well; raise what else ends the phase."""
        began = synced = time.monotonic()
        while not cluster.ended():
            self._stop.wait(POLL_SECONDS)
            self._keep_limits()
            if self._stop.is_set():
                self._end_and_save(cluster)
                raise StopRequested
            if effect is not None:
                self._strike(cluster, effect, time.monotonic() - began)
            if time.monotonic() - synced > SYNC_SECONDS:
                cluster.save_checkpoints()
                self._metrics.move(cluster.hosts[0].log)
                synced = time.monotonic()
        if self._stop.is_set():
            self._end_and_save(cluster)
            raise StopRequested
        failed = cluster.failed()
        cluster.save_checkpoints()
        if failed is not None:
            cluster.end(self._grace)
            where = f"{failed.name}: " if cluster.count > 1 else ""
            # The reason is cut to its length here, so that the exit code stays in it.
            said = failed.failure()[: FAILURE_CHARACTERS - 64]
            raise RuntimeError(f"AlgorithmError: {where}{said}, exit code: {failed.code}")

    def _strike(self, cluster: Cluster, effect: Effect, seconds: float) -> None:
        """Let the fault of a running program happen when its time has come."""
        if effect.kind == "interrupt" and seconds >= effect.seconds and self._has_what_an_interrupt_needs(cluster):
            cluster.end(GRACE_SECONDS)
            cluster.save_checkpoints()
            raise Interrupted
        if effect.kind == "fail" and seconds >= effect.seconds:
            cluster.end(0.0)
            raise RuntimeError(effect.message)
        if effect.kind == "disk_full" and seconds >= effect.seconds:
            cluster.end(0.0)
            raise RuntimeError("AlgorithmError: [Errno 28] No space left on device, exit code: 1")

    def _has_what_an_interrupt_needs(self, cluster: Cluster) -> bool:
        """Whether the program has saved something, where the job has a place for checkpoints."""
        return "CheckpointConfig" not in self.record or cluster.has_checkpoints()

    def _keep_limits(self) -> None:
        """Ask the job to stop when one of its two limits has passed."""
        limits, now = self.record["StoppingCondition"], time.time()
        started = self.record.get("TrainingStartTime", now)
        if self._stop.is_set():
            return
        if now - started > limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME):
            self._request_stop("MaxRuntimeExceeded")
        elif now - self.record["CreationTime"] > limits.get("MaxWaitTimeInSeconds", inf):
            self._request_stop("MaxWaitTimeExceeded")

    # -- what comes out ----------------------------------------------------------------------------

    def _end_and_save(self, cluster: Cluster) -> None:
        """End the programs and upload what they have left in their model folders, as AWS does."""
        cluster.end(self._grace)
        cluster.save_checkpoints()
        if self._grace == GRACE_SECONDS and cluster.files("model"):
            self._move("Uploading")
            self._upload(cluster)

    def _upload(self, cluster: Cluster) -> None:
        uri = self.record["ModelArtifacts"]["S3ModelArtifacts"]
        s3, data = self.platform.s3, cluster.files("output/data")
        if self.record["OutputDataConfig"].get("CompressionType") == "NONE":
            upload_files(s3, cluster.files("model"), uri)
            upload_files(s3, data, f"{uri.removesuffix('/').rpartition('/')[0]}/data")
            return
        upload_archive(s3, cluster.files("model"), uri, cluster.folder)
        if data:
            upload_archive(s3, data, f"{uri.rpartition('/')[0]}/output.tar.gz", cluster.folder)


def _reason(error: Exception) -> str:
    said = str(error) or repr(error)
    full = isinstance(error, OSError) and error.strerror is not None
    return (f"InternalServerError: {said}" if full else said)[:FAILURE_CHARACTERS]


def shown(record: Record) -> Record:
    """Return the answer of DescribeTrainingJob, with what AWS tells also where a request was silent."""
    return {
        **record,
        "AlgorithmSpecification": {"MetricDefinitions": [], **record["AlgorithmSpecification"]},
        "OutputDataConfig": {"KmsKeyId": "", **record["OutputDataConfig"]},
        "SecondaryStatusTransitions": list(record["SecondaryStatusTransitions"]),
    }


def model_uri(request: Record) -> str:
    """Return where a job puts its model: an archive, or the prefix of its files."""
    folder = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{request['TrainingJobName']}/output/model"
    return f"{folder}/" if request["OutputDataConfig"].get("CompressionType") == "NONE" else f"{folder}.tar.gz"
