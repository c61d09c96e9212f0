"""The serving program while it is tested: its process, and requests to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sparring.container.check.clock import Clock
from sparring.container.check.exchange import Answer, Connection
from sparring.container.check.program import Program, image_environment
from sparring.container.check.subject import ContainerCheck, Payload
from sparring.container.serving import DEFAULT_PORT, PORT_VARIABLE
from sparring.container.tree import lay_out

ANY = "*/*"
Found = TypeVar("Found")


class Service:
    """A serving program that runs.

    Parameters
    ----------
    check : ContainerCheck
    program : Program
    clock : Clock
    """

    def __init__(self, check: ContainerCheck, program: Program, clock: Clock) -> None:
        self.check, self.program, self.clock = check, program, clock
        self.limits, self.port = check.limits, check.port

    @property
    def payload(self) -> Payload:
        """The request that is answered well: only asked for where there is one."""
        assert self.check.payload is not None
        return self.check.payload

    def connect(self, seconds: float | None = None) -> Connection:
        """Open a connection that may last ``seconds``, or as long as an invocation."""
        return Connection(self.port, self.clock.bounded(seconds or self.limits.invoke))

    def ping(self, seconds: float | None = None) -> Answer:
        """Return the answer to a ping."""
        with self.connect(seconds or self.limits.ping) as connection:
            return connection.ask("GET", "/ping")

    def invoke(self, body: bytes | None = None, content_type: str = "", accept: str = ANY, **headers: str) -> Answer:
        """Return the answer to a request on a connection of its own; by default to the payload."""
        with self.connect() as connection:
            return self.invoke_on(connection, body, content_type, accept, **headers)

    def invoke_on(
        self,
        connection: Connection,
        body: bytes | None = None,
        content_type: str = "",
        accept: str = ANY,
        **headers: str,
    ) -> Answer:
        """Return the answer to a request on ``connection``, which may take as long as any other."""
        connection.deadline = time.monotonic() + self.clock.bounded(self.limits.invoke)
        sent = self.payload.body if body is None else body
        kind = content_type or self.payload.content_type
        return connection.ask("POST", "/invocations", sent, Content_Type=kind, Accept=accept, **headers)

    def begin(self, pool: ThreadPoolExecutor) -> Future[Answer]:
        """Return the payload's answer to come: the request has been sent."""
        connection, start = self.connect(), time.monotonic()
        headers = {"Content-Type": self.payload.content_type, "Accept": ANY}
        connection.send("POST", "/invocations", self.payload.body, headers)

        def receive() -> Answer:
            with connection:
                return connection.receive("POST", start)

        return pool.submit(receive)


def at_once(work: Callable[[int], Found], count: int, threads: int, seconds: float) -> list[Found]:
    """Return what ``work`` returns for each number below ``count``, called by several threads at once.

    After ``seconds`` no more are begun; each thread begins one at least.
    """
    end = time.monotonic() + seconds

    def share(first: int) -> list[Found]:
        found: list[Found] = []
        for number in range(first, count, threads):
            if found and time.monotonic() > end:
                break
            found.append(work(number))
        return found

    with ThreadPoolExecutor(threads) as pool:
        return [one for shares in pool.map(share, range(threads)) for one in shares]


@contextmanager
def serving(check: ContainerCheck, folder: Path, clock: Clock) -> Iterator[Service]:
    """Start the serving program in a tree of its own, and leave nothing of it."""
    tree = lay_out(folder / "serve", {}, {})
    if check.model is not None:
        tree.model.rmdir()
        # Seen through a link, the model stays as it is, and large ones are not copied.
        tree.model.symlink_to(check.model.resolve())
    port = {} if check.port == DEFAULT_PORT else {PORT_VARIABLE: str(check.port)}
    variables = {**image_environment(), **port, **check.environment}
    with Program(check.serve, tree.base, variables, check.isolate) as program:
        yield Service(check, program, clock)
