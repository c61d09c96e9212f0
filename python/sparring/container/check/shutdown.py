"""Phase shutdown: the serving program is asked to end while it answers a request."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from sparring.container.check.exchange import BROKEN
from sparring.container.check.program import exit_text
from sparring.container.check.rules import HOSTING, PRACTICE, Check, Verdict, rule
from sparring.container.check.service import Service
from sparring.container.check.training import LINGER_SECONDS, PID_ONE


@dataclass(frozen=True)
class Ended:
    """How it ended."""

    running: bool
    caught: bool
    code: int | None
    seconds: float
    lost: str
    left: list[str]


class Shutdown:
    """The end of the program, asked for when a rule asks for it first.

    Parameters
    ----------
    service : Service
    answers : bool
        Whether it answers the payload, so that a request can be in progress.
    """

    def __init__(self, service: Service, answers: bool) -> None:
        self.service, self.answers, self.limits = service, answers, service.limits

    @cached_property
    def ended(self) -> Ended:
        """Send SIGTERM while a request is being answered, and wait."""
        program, clock = self.service.program, self.service.clock
        if not program.running:
            return Ended(False, False, program.wait(0), 0.0, "", [])
        caught = program.catches_sigterm
        with ThreadPoolExecutor(1) as pool:
            busy = self.service.begin(pool) if self.answers else None
            with suppress(*BROKEN):
                # Connections are taken in their order: once this one is answered, the request has come in.
                self.service.ping()
            program.ask_to_end()
            asked = program.seconds
            code = program.wait(clock.bounded(self.limits.stop_serving))
            took = program.seconds - asked
            error = busy.exception() if busy is not None else None
        left = [] if code is None else program.left_behind(clock.bounded(LINGER_SECONDS))
        return Ended(True, caught, code, took, type(error).__name__ if error else "", left)


@rule("serve.sigterm", HOSTING, PID_ONE + "; end within 30 s")
def stops(shutdown: Shutdown) -> Verdict:
    """SIGTERM ends it within 30 s."""
    ended = shutdown.ended
    if not ended.running:
        said = shutdown.service.program.last_words()
        return Verdict(False, f"it had {exit_text(ended.code)} before it was asked to; it said: {said}")
    found = f"{exit_text(ended.code)} {ended.seconds:.1f} s after SIGTERM"
    return Verdict(
        ended.caught and ended.code is not None, found if ended.caught else f"it has no handler for SIGTERM; {found}"
    )


@rule(
    "serve.in_progress",
    PRACTICE + ": instances are replaced at every update and scaling",
    "on SIGTERM take no new connections, finish requests in progress, then end",
)
def finishes_requests(shutdown: Shutdown) -> Verdict:
    """A request in progress is answered before the end."""
    if not shutdown.answers or not shutdown.ended.running:
        return Verdict(None, "no request could be in progress")
    lost = shutdown.ended.lost
    return Verdict(not lost, f"it was lost ({lost})" if lost else "it was answered")


@rule(
    "serve.processes",
    HOSTING,
    "hand SIGTERM on to workers and wait for them: with the container's first process all others are killed",
)
def leaves_no_process(shutdown: Shutdown) -> Verdict:
    """No process outlives the program."""
    if not shutdown.ended.running or shutdown.ended.code is None:
        return Verdict(None, "it did not end on SIGTERM")
    left = shutdown.ended.left
    return Verdict(not left, f"{len(left)} left behind: {'; '.join(left[:3])}" if left else "none left behind")


CHECKS: tuple[Check[Shutdown], ...] = (stops, finishes_requests, leaves_no_process)
