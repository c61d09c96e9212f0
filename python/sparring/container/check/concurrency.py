"""Phase concurrency: many clients at once, each with a request of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait

from sparring.container.check.answers import same
from sparring.container.check.rules import HOSTING, INVOKE, Check, Verdict, rule
from sparring.container.check.service import Service, at_once

AT_A_TIME = 16
# As many as make it likely that two requests meet between two statements.
REQUESTS = 160


@rule(
    "serve.concurrent",
    INVOKE + ": the answer is that to the request; " + HOSTING,
    "keep what belongs to a request in local variables: no globals, no attributes of a shared handler, no shared files",
)
def keeps_clients_apart(service: Service) -> Verdict:
    """Clients at once are each answered as they are alone."""
    bodies = _bodies(service)
    alone = [service.invoke(body) for body in bodies]

    def wrong(number: int) -> str:
        at = number % len(bodies)
        answer = service.invoke(bodies[at])
        if same(answer, alone[at]):
            return ""
        others = (one for one in range(len(bodies)) if one != at and same(answer, alone[one]))
        whose = "another client's answer" if next(others, None) is not None else "an answer of its own"
        return f"{whose}: {answer}, alone: {alone[at]}"

    found = at_once(wrong, REQUESTS, AT_A_TIME, service.limits.load)
    if texts := list(filter(None, found)):
        return Verdict(False, f"{len(texts)} of {len(found)} differ; {texts[0]}")
    return Verdict(True, f"{len(found)} requests of {len(bodies)} kinds, {AT_A_TIME} at a time, all answered as alone")


@rule(
    "serve.ping_under_load",
    HOSTING,
    "serve requests in parallel (threads, workers, an ASGI server that computes in threads): pings must get through",
)
def pings_under_load(service: Service) -> Verdict:
    """A ping among requests is answered within 2 s."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        busy = [service.begin(pool) for _ in range(AT_A_TIME)]
        answer = service.ping(5 * service.limits.ping)
        wait(busy)
    in_time = answer.status == 200 and answer.seconds <= service.limits.ping
    return Verdict(in_time, f"among {AT_A_TIME} requests in progress a ping took {answer.seconds:.2f} s")


@rule(
    "serve.connect",
    HOSTING,
    "listen with a backlog of 128 or more",
)
def accepts_connections(service: Service) -> Verdict:
    """Connections are accepted within 250 ms."""

    # Open many connections at once, while a request is being answered where there is one.
    def connect(_: int) -> float:
        start = time.monotonic()
        with service.connect(5.0):
            return time.monotonic() - start

    with ThreadPoolExecutor(1) as pool:
        busy = [service.begin(pool)] if service.check.payload else []
        slowest = max(at_once(connect, AT_A_TIME, AT_A_TIME, service.limits.load))
        wait(busy)
    return Verdict(slowest <= service.limits.connect, f"slowest of {AT_A_TIME} at once: {1000 * slowest:.0f} ms")


CHECKS: tuple[Check[Service], ...] = (keeps_clients_apart, pings_under_load)


def _bodies(service: Service) -> list[bytes]:
    """Return bodies that differ: the payload's rows alone and the first of them together, or the payload itself."""
    payload, rows = service.payload, service.payload.rows[: AT_A_TIME // 2]
    if not rows:
        return [payload.body]
    alone = [payload.of([row]) for row in rows]
    together = [payload.of(payload.several(count)) for count in range(2, AT_A_TIME // 2 + 2)]
    return list(dict.fromkeys([*alone, *together]))
