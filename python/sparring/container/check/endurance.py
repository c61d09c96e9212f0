"""Phase endurance: some hundred requests, then none for a while; what a program keeps of each adds up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import psutil

from sparring.container.check.exchange import BROKEN
from sparring.container.check.rules import HOSTING, PRACTICE, Check, Verdict, rule
from sparring.container.check.service import Service, at_once

ROUNDS = 3
# Large enough that a program that keeps bodies is told from one whose allocator grows.
BODY_BYTES = 32_768
AT_A_TIME = 4
# Pools of threads and connections fill up to some number; what is kept of each request passes it.
KEPT_SHARE = 0.2
FEWEST = 20


@dataclass(frozen=True)
class Usage:
    """What the program's processes hold."""

    memory: int
    files: int
    threads: int
    processes: int

    @classmethod
    def of(cls, processes: list[psutil.Process]) -> Usage:
        """Add up what the processes hold."""
        live = [one for one in processes if one.is_running()]
        return cls(
            sum(one.memory_info().rss for one in live),
            sum(one.num_fds() for one in live),
            sum(one.num_threads() for one in live),
            len(live),
        )


class Endurance:
    """The rounds of requests, made when a rule asks for them first.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self.service, self.limits = service, service.limits
        self.statuses: list[str] = []
        self.counts: list[int] = []

    @cached_property
    def usages(self) -> list[Usage]:
        """Return what was held after the first round, which warms up, and after each of the others."""
        enlarged = self.service.payload.enlarged(BODY_BYTES)
        body = enlarged[0] if enlarged else self.service.payload.body
        found = []
        for _ in range(ROUNDS + 1):
            statuses = at_once(lambda _: self._status(body), self.limits.requests, AT_A_TIME, self.limits.load)
            self.statuses += statuses
            self.counts.append(len(statuses))
            found.append(Usage.of(self.service.program.processes()))
        return found

    def _status(self, body: bytes) -> str:
        try:
            answer = self.service.invoke(body)
        except BROKEN as error:
            return f"{type(error).__name__}: {error}"
        return "" if answer.status == 200 else str(answer)

    def grew(self, what: str, per_request: float) -> Verdict:
        """Judge whether ``what`` grew in every round by ``per_request`` and more."""
        values = [getattr(usage, what) for usage in self.usages]
        steps = [values[at + 1] - values[at] for at in range(ROUNDS)]
        shown = f"{what} after {', '.join(map(str, self.counts))} requests: " + " → ".join(f"{one:,}" for one in values)
        if min(self.counts) < FEWEST:
            return Verdict(None, f"too slow to tell; {shown}")
        # One round may grow for other reasons, such as a pool that fills up; a leak does in each.
        leaks = all(step >= per_request * count for step, count in zip(steps, self.counts[1:], strict=True))
        return Verdict(not leaks, shown)


@rule(
    "serve.endurance",
    HOSTING,
    "look for limits of requests, leaks and worker restarts; requests must not be lost to any",
)
def endures(endurance: Endurance) -> Verdict:
    """Hundreds of requests are all answered."""
    assert endurance.usages
    wrong, count = list(filter(None, endurance.statuses)), len(endurance.statuses)
    return Verdict(not wrong, f"{len(wrong)} of {count} were not: {wrong[0]}" if wrong else f"{count} answered")


@rule(
    "serve.memory",
    PRACTICE + ": an instance's memory is finite",
    "keep nothing of a request: no growing lists, histories or caches without a bound",
)
def leaks_no_memory(endurance: Endurance) -> Verdict:
    """Requests leave no memory behind."""
    return endurance.grew("memory", endurance.limits.leak)


@rule(
    "serve.files",
    PRACTICE + ": a process has 1,024 of them by default",
    "close what a request opens: with open(...) as file",
)
def leaks_no_files(endurance: Endurance) -> Verdict:
    """Requests leave no file or connection open."""
    return endurance.grew("files", KEPT_SHARE)


@rule(
    "serve.threads",
    PRACTICE + ": threads and processes of a container are limited",
    "end what a request starts, or use one pool for all requests",
)
def leaks_no_threads(endurance: Endurance) -> Verdict:
    """Requests leave no thread or process behind."""
    threads, processes = endurance.grew("threads", KEPT_SHARE), endurance.grew("processes", KEPT_SHARE)
    return threads if not threads.held else processes


@rule(
    "serve.idle",
    HOSTING,
    "do not end or unload after a while without requests",
)
def endures_a_pause(endurance: Endurance) -> Verdict:
    """After a pause it still answers."""
    service = endurance.service
    ended = service.program.wait(service.clock.bounded(endurance.limits.idle))
    if ended is not None:
        return Verdict(False, f"it ended with code {ended} in a pause of {endurance.limits.idle:g} s")
    answer = service.invoke()
    return Verdict(answer.status == 200, f"after {endurance.limits.idle:g} s: {answer}")


CHECKS: tuple[Check[Endurance], ...] = (
    endures,
    leaks_no_memory,
    leaks_no_files,
    leaks_no_threads,
    endures_a_pause,
)
