"""Phase start: the serving program comes up, where SageMaker looks for it, and is ready when it says so."""

from __future__ import annotations

import json
import socket

from sparring.container.check.exchange import BROKEN, HOST
from sparring.container.check.program import POLL_SECONDS, exit_text
from sparring.container.check.rules import BATCH, HOSTING, Check, Verdict, rule
from sparring.container.check.service import Service

# On Linux all of 127.0.0.0/8 is this machine: who listens on 127.0.0.1 alone does not answer here.
OTHER_HOST = "127.0.0.2"
# A ping that is too slow is a finding of its own, so the start waits longer than a ping may take.
PATIENCE = 3
PINGS = 10
PARAMETERS = {"MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"}


@rule(
    "serve.start",
    HOSTING,
    "listen on 0.0.0.0, on the port in SAGEMAKER_BIND_TO_PORT, else 8080, answer GET /ping itself with 200 (no "
    "redirect, no 204), and load the model in less than the time",
)
def starts(service: Service) -> Verdict:
    """A ping is answered with 200 within four minutes."""
    program, limits, last = service.program, service.limits, "no connection was accepted"
    while program.running and program.seconds < limits.start and not service.clock.over:
        try:
            answer = service.ping(min(PATIENCE * limits.ping, limits.start))
            if answer.status == 200:
                return Verdict(True, f"first ping answered after {program.seconds:.1f} s")
            last = f"the last was answered {answer}"
        except TimeoutError:
            last = "the last was not answered in time"
        except BROKEN as error:
            # Refused connections are what is seen before it listens.
            last = last if isinstance(error, ConnectionRefusedError) else f"{type(error).__name__}: {error}"
        program.wait(POLL_SECONDS)
    if not program.running:
        return Verdict(False, f"{exit_text(program.wait(0))}; it said: {program.last_words()}")
    where = ", ".join(sorted(program.ports())) or "nowhere"
    return Verdict(
        False, f"no ping was answered with 200 in {program.seconds:.1f} s; {last}; it listens on {where}, "
        f"asked was {service.port}; it said: {program.last_words()}"
    )  # fmt: skip


@rule(
    "serve.ready",
    HOSTING,
    "answer /ping with 200 only once the model is loaded (503 before): requests come as soon as it is",
)
def is_ready(service: Service) -> Verdict:
    """Once a ping is answered, requests are."""
    if service.check.payload is None:
        return Verdict(None, "no payload was given: --payload FILE --content-type TYPE")
    answer = service.invoke()
    return Verdict(answer.status == 200, f"the first request, in {answer.seconds:.2f} s, was answered {answer}")


@rule(
    "serve.interface",
    HOSTING + ": requests come from outside the container, whose loopback is its own",
    "listen on 0.0.0.0, not on 127.0.0.1 or localhost",
)
def listens_everywhere(service: Service) -> Verdict:
    """It listens on all interfaces."""
    if not _is_ours(OTHER_HOST):
        return Verdict(None, f"this machine has no address {OTHER_HOST}, by which it shows (Linux has)")
    where = ", ".join(sorted(service.program.ports()))
    try:
        socket.create_connection((OTHER_HOST, service.port), timeout=service.clock.bounded(service.limits.ping)).close()
    except OSError as error:
        return Verdict(False, f"{HOST} accepts connections, {OTHER_HOST} does not ({error}); it listens on {where}")
    return Verdict(True, f"it listens on {where}")


@rule(
    "serve.ping",
    HOSTING,
    "answer GET /ping with 200 and an empty body at once: no inference, no lock that requests hold",
)
def answers_pings(service: Service) -> Verdict:
    """Pings are answered within 2 s, with 200 and an empty body."""
    slowest = 0.0
    for _ in range(PINGS):
        answer = service.ping(PATIENCE * service.limits.ping)
        slowest = max(slowest, answer.seconds)
        if answer.status != 200 or answer.body or slowest > service.limits.ping:
            return Verdict(False, f"{answer.status} with {len(answer.body)} bytes in {answer.seconds:.2f} s")
    return Verdict(True, f"{PINGS} pings, the slowest in {1000 * slowest:.0f} ms")


@rule(
    "serve.execution_parameters",
    BATCH,
    f"answer with a JSON object of {', '.join(sorted(PARAMETERS))}, or with 404",
)
def offers_parameters(service: Service) -> Verdict:
    """/execution-parameters, where offered, holds what batch transform reads."""
    with service.connect(PATIENCE * service.limits.ping) as connection:
        answer = connection.ask("GET", "/execution-parameters")
    # An empty answer offers nothing either: it is what a server says that answers every path alike.
    if answer.status != 200 or not answer.body:
        return Verdict(None, f"{answer}: not offered, which is allowed")
    try:
        found = json.loads(answer.body)
    except ValueError:
        return Verdict(False, str(answer))
    return Verdict(isinstance(found, dict) and set(found) <= PARAMETERS, str(answer))


CHECKS: tuple[Check[Service], ...] = (is_ready, listens_everywhere, answers_pings, offers_parameters)


def _is_ours(host: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
