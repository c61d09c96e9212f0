"""Following a training job: its status, its log and its metrics as they come, and a deadline of our own."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

from sparring.errors import SageMakerError
from sparring.sagemaker.resources import RUNNING, is_absent, stop_training_job
from sparring.sagemaker.target import AwsTarget

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
# Between two looks at a job: each asks SageMaker and CloudWatch.
POLL_SECONDS, LOCAL_POLL_SECONDS = 5.0, 0.5
LAST_LINES = 20
LOG_PAGES = 50
OnProgress = Callable[[str], None]


def print_progress(line: str) -> None:
    """Print a line of progress where it does not mix with results."""
    print(line, file=sys.stderr, flush=True)


class JobWatcher:
    """Looks at a job again and again, and tells what is new.

    Parameters
    ----------
    target : AwsTarget
    name : str
        The training job; it need not exist yet.
    deadline : float
        Seconds after its creation at which it is stopped.
    metrics : dict of str to str, optional
        Name -> regular expression with one group, looked for in the log.
    on_progress : callable, optional
        Receives each line of progress; standard error by default.
    """

    def __init__(
        self,
        target: AwsTarget,
        name: str,
        deadline: float,
        metrics: dict[str, str] | None = None,
        on_progress: OnProgress = print_progress,
    ) -> None:
        self.target, self.name, self.deadline, self.on_progress = target, name, deadline, on_progress
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.metrics: dict[str, float] = {}
        self._patterns = {metric: re.compile(pattern) for metric, pattern in (metrics or {}).items()}
        self._client = target.client("sagemaker")
        self._log = JobLog(target, name)
        self._said: set[str] = set()

    @property
    def poll_seconds(self) -> float:
        """Seconds between two looks."""
        return POLL_SECONDS if self.target.emulator is None else LOCAL_POLL_SECONDS

    def poll(self) -> dict[str, Any] | None:
        """OnProgress what is new and return DescribeTrainingJob's answer; None when there is no job yet.

        Raises
        ------
        SageMakerError
            If the job has passed its deadline; it has been stopped then.
        """
        try:
            found: dict[str, Any] = self._client.describe_training_job(TrainingJobName=self.name)
        except self._client.exceptions.ClientError as error:
            if is_absent(error):
                return None
            raise
        self._tell_status(found)
        self._tell_log()
        if found["TrainingJobStatus"] in RUNNING and _age(found) > self.deadline:
            stop_training_job(self.target, self.name)
            raise SageMakerError(
                f"Training job {self.name} had not ended {self.deadline:.0f} seconds after its creation; "
                f"it was stopped{self.tail()}",
                "Raise sagemaker.max_runtime_seconds or deadline_seconds, or choose a larger instance.",
            )
        return found

    def until_ended(self) -> dict[str, Any]:
        """Follow the job to its end and return DescribeTrainingJob's last answer.

        Raises
        ------
        SageMakerError
            If there is no such job, or it passes its deadline.
        """
        while True:
            found = self.poll()
            if found is None:
                raise SageMakerError(f"There is no training job {self.name}", "Was it created in this region?")
            if found["TrainingJobStatus"] not in RUNNING:
                self._end()
                return found
            time.sleep(self.poll_seconds)

    def tail(self) -> str:
        """Return the last lines of the log for an error, or nothing when there are none."""
        return "".join(f"\n  | {line}" for line in self.last_lines)

    def _tell_status(self, found: dict[str, Any]) -> None:
        for step in found.get("SecondaryStatusTransitions", []):
            message = step.get("StatusMessage", "")
            self._tell_once(f"{self.name}: {step['Status']}{' - ' if message else ''}{message}")

    def _tell_log(self) -> None:
        for line in self._log.new_lines():
            self.last_lines.append(line)
            self.on_progress(f"{self.name} | {line}")
            self._measure(line)
        if self._log.refusal is not None:
            self._tell_once(f"{self.name}: its log cannot be read: {self._log.refusal}")

    def _measure(self, line: str) -> None:
        for metric, pattern in self._patterns.items():
            for found in pattern.finditer(line):
                try:
                    self.metrics[metric] = float(found.group(1))
                except ValueError:
                    continue
                self.on_progress(f"{self.name}: {metric} = {self.metrics[metric]:g}")

    def _end(self) -> None:
        """OnProgress what came after the last look, and that there was no log when there was none."""
        self._tell_log()
        if not self.last_lines and self._log.refusal is None:
            self._tell_once(f"{self.name}: it has no log in CloudWatch")

    def _tell_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self.on_progress(line)


class JobLog:
    """The lines that a job's containers print, from CloudWatch.

    Attributes
    ----------
    refusal : str or None
        Why the log cannot be read; it is not asked for again then.
    """

    def __init__(self, target: AwsTarget, name: str) -> None:
        self.refusal: str | None = None
        self._name = name
        self._tokens: dict[str, str] = {}
        self._client = target.client("logs", read_timeout=20)

    def new_lines(self) -> Iterator[str]:
        """Yield the lines that came since the last call; none before the job's first line."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self.refusal is not None:
            return
        try:
            for stream in self._streams():
                yield from self._lines(stream)
        except ClientError as error:
            # There is no log group before the account's first job, and no stream before the job's first line.
            if not is_absent(error):
                self.refusal = str(error)
        except BotoCoreError as error:
            self.refusal = str(error)

    def _streams(self) -> list[str]:
        """Return the streams of the job's hosts."""
        found = self._client.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{self._name}/")
        return sorted(stream["logStreamName"] for stream in found["logStreams"])

    def _lines(self, stream: str) -> Iterator[str]:
        for _ in range(LOG_PAGES):
            token = {"nextToken": self._tokens[stream]} if stream in self._tokens else {}
            page = self._client.get_log_events(
                logGroupName=LOG_GROUP, logStreamName=stream, startFromHead=True, **token
            )
            for event in page["events"]:
                yield event["message"].rstrip("\n")
            # The same token again means that there is no more for now.
            if self._tokens.get(stream) == page["nextForwardToken"]:
                return
            self._tokens[stream] = page["nextForwardToken"]


def _age(found: dict[str, Any]) -> float:
    created: datetime = found["CreationTime"]
    return (datetime.now(timezone.utc) - created).total_seconds()
