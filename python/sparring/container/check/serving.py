"""The serving program's half of the contract, tested over real HTTP while it runs."""

from __future__ import annotations

import http.client
import json
import socket
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path

from sparring.container.check.program import POLL_SECONDS, Program, exit_text
from sparring.container.check.report import Report
from sparring.container.check.subject import BY_LINES, ContainerCheck, Payload
from sparring.container.check.training import PID_ONE
from sparring.container.serving import DEFAULT_PORT, PORT_VARIABLE
from sparring.container.tree import lay_out
from sparring.errors import PlatformError

UNKNOWN_TYPE = "application/x-sparring-unknown"
AT_A_TIME = 16
PARAMETERS = {"MaxConcurrentTransforms", "BatchStrategy", "MaxPayloadInMB"}


class ServingCheck:
    """Runs a serving program and judges it.

    Parameters
    ----------
    check : ContainerCheck
        Its ``model`` is what the program finds; without a ``payload``, what needs a request is skipped.
    folder : Path
        For its tree; empty.
    report : Report
        Receives the findings.
    """

    def __init__(self, check: ContainerCheck, folder: Path, report: Report) -> None:
        self.check, self.folder, self.report, self.limits = check, folder, report, check.limits
        self.payload, self.port = check.payload, check.port

    def run(self) -> None:
        """Judge all rules.

        Raises
        ------
        PlatformError
            If somebody else listens on the port.
        """
        self._require_free_port()
        tree = lay_out(self.folder / "serve", {}, {})
        if self.check.model is not None:
            tree.model.rmdir()
            # Seen through a link, the model stays as it is, and large ones are not copied.
            tree.model.symlink_to(self.check.model.resolve())
        environment = {} if self.port == DEFAULT_PORT else {PORT_VARIABLE: str(self.port)}
        with Program(self.check.serve, tree.base, environment, self.check.isolate) as program:
            if not self._judge_start(program):
                return
            self._judge_ping()
            self._judge_unknown_type()
            self._judge_execution_parameters()
            if self.payload is None:
                for rule in ("invocation", "large", "concurrent"):
                    self.report.skip(f"serve.{rule}", "no payload was given: --payload FILE --content-type TYPE")
            elif self._judge_invocation(self.payload):
                self._judge_large(self.payload)
                self._judge_concurrent(self.payload)
            else:
                for rule in ("large", "concurrent"):
                    self.report.skip(f"serve.{rule}", "the payload was not answered")
                self.payload = None
            self._judge_connect()
            self._judge_stop(program)

    def _require_free_port(self) -> None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                raise PlatformError(
                    f"Port {self.port} of this machine is in use",
                    "Free it, or give --port N to programs that honour SAGEMAKER_BIND_TO_PORT.",
                )

    def _judge_start(self, program: Program) -> bool:
        while program.running and program.seconds < self.limits.start:
            try:
                if self._ask("GET", "/ping", timeout=self.limits.ping)[0] == 200:
                    return self.report.judge(
                        "serve.start", True, f"first ping answered after {program.seconds:.1f} s", ""
                    )
            except OSError:
                pass
            program.wait(POLL_SECONDS)
        code = program.wait(0)
        ended = f"no ping was answered with 200 in {program.seconds:.1f} s" if code is None else exit_text(code)
        fix = (
            f"listen on 0.0.0.0:{self.port} and answer GET /ping with 200 within {self.limits.start:.0f} s; it said: "
            f"{program.last_words()}"
        )
        return self.report.judge("serve.start", False, ended, fix)

    def _judge_ping(self) -> None:
        def check() -> tuple[bool, str]:
            status, body, seconds = self._ask("GET", "/ping", timeout=self.limits.ping)
            return status == 200 and not body, f"{status} with {len(body)} bytes in {1000 * seconds:.0f} ms"

        fix = f"answer GET /ping with 200 and an empty body within {self.limits.ping:g} s"
        self.report.attempt("serve.ping", fix, check)

    def _judge_connect(self) -> None:
        """Open many connections at once, while a request is being answered where there is one."""

        def connect(_: int) -> float:
            start = time.monotonic()
            with socket.create_connection(("127.0.0.1", self.port), timeout=5.0):
                return time.monotonic() - start

        def check() -> tuple[bool, str]:
            with ThreadPoolExecutor(AT_A_TIME + 1) as pool:
                busy = self._in_progress(pool)
                slowest = max(pool.map(connect, range(AT_A_TIME)))
                if busy is not None:
                    wait([busy])
            return slowest <= self.limits.connect, f"slowest of {AT_A_TIME} at once: {1000 * slowest:.0f} ms"

        fix = f"listen with a backlog of 128 or more, so that a connection is accepted within {self.limits.connect:g} s"
        self.report.attempt("serve.connect", fix, check)

    def _judge_unknown_type(self) -> None:
        def check() -> tuple[bool, str]:
            status, body, _ = self._ask("POST", "/invocations", b"\0\1\2", UNKNOWN_TYPE, self.limits.invoke)
            return status == 415, f"{status} for Content-Type {UNKNOWN_TYPE}: {_shown(body)}"

        fix = "answer a content type that the program does not read with 415 and a sentence that names those it does"
        self.report.attempt("serve.unknown_type", fix, check)

    def _judge_execution_parameters(self) -> None:
        try:
            status, body, _ = self._ask("GET", "/execution-parameters", timeout=self.limits.ping)
            if status != 200:
                self.report.skip("serve.execution_parameters", f"{status}: not offered, which is allowed")
                return
            found = json.loads(body)
            held = isinstance(found, dict) and set(found) <= PARAMETERS
        except (OSError, ValueError) as error:
            held, body = False, str(error).encode()
        fix = f"answer with a JSON object of {', '.join(sorted(PARAMETERS))}, or with 404"
        self.report.judge("serve.execution_parameters", held, _shown(body), fix)

    def _judge_invocation(self, payload: Payload) -> bool:
        def check() -> tuple[bool, str]:
            status, body, seconds = self._invoke(payload.body, payload.content_type)
            return status == 200 and bool(body), f"{status} with {len(body)} bytes in {seconds:.2f} s: {_shown(body)}"

        fix = f"answer POST /invocations with 200 and a body within {self.limits.invoke:g} s"
        return self.report.attempt("serve.invocation", fix, check)

    def _judge_large(self, payload: Payload) -> None:
        body = payload.enlarged(self.limits.body)
        if body is None:
            why = f"a body of {payload.content_type} cannot be made larger; types of lines can: {', '.join(BY_LINES)}"
            self.report.skip("serve.large", why)
            return

        def check() -> tuple[bool, str]:
            status, answer, seconds = self._invoke(body, payload.content_type)
            found = f"{status} for {len(body):,} bytes in {seconds:.2f} s"
            return status == 200, found if status == 200 else f"{found}: {_shown(answer)}"

        fix = f"take bodies of up to {self.limits.body:,} bytes and answer them within {self.limits.invoke:g} s"
        self.report.attempt("serve.large", fix, check)

    def _judge_concurrent(self, payload: Payload) -> None:
        """Send many requests at once and a ping among them: each is answered as it is alone."""

        def check() -> tuple[bool, str]:
            _, alone, _ = self._invoke(payload.body, payload.content_type)
            with ThreadPoolExecutor(AT_A_TIME + 1) as pool:
                several = [pool.submit(self._invoke, payload.body, payload.content_type) for _ in range(AT_A_TIME)]
                ping = pool.submit(self._ask, "GET", "/ping", timeout=5 * self.limits.ping)
                answers = [one.result()[:2] for one in several]
                status, _, seconds = ping.result()
            wrong = [found for found in answers if found != (200, alone)]
            if wrong:
                return (
                    False,
                    f"{len(wrong)} of {AT_A_TIME} answers differ from that to the request alone: {wrong[0][0]}",
                )
            in_time = status == 200 and seconds <= self.limits.ping
            return in_time, f"{AT_A_TIME} equal answers; a ping among them took {seconds:.2f} s"

        fix = (
            f"serve requests in parallel (threads, workers or an ASGI server), without state between them, and let "
            f"pings through within {self.limits.ping:g} s"
        )
        self.report.attempt("serve.concurrent", fix, check)

    def _judge_stop(self, program: Program) -> None:
        """Send SIGTERM while a request is being answered."""
        if not program.running:
            self.report.judge("serve.sigterm", False, f"it had ended by then: {program.last_words()}", "keep running")
            return
        caught = program.catches_sigterm
        with ThreadPoolExecutor(1) as pool:
            busy = self._in_progress(pool)
            with suppress(OSError):
                # Connections are taken in their order: once this one is answered, the request has come in.
                self._ask("GET", "/ping")
            program.ask_to_end()
            asked = program.seconds
            code = program.wait(self.limits.stop_serving)
            took = program.seconds - asked
            error = busy.exception() if busy is not None else None
        lost = f"the request in progress was lost ({type(error).__name__})" if error else ""
        ended = f"still running {took:.1f} s" if code is None else f"{exit_text(code)} {took:.1f} s"
        found = "; ".join(
            filter(None, ["" if caught else "it has no handler for SIGTERM", f"{ended} after SIGTERM", lost])
        )
        orderly = "on SIGTERM take no new connections, finish requests in progress and end within"
        fix = f"{orderly} {self.limits.stop_serving:.0f} s" if caught else PID_ONE
        self.report.judge("serve.sigterm", caught and code is not None and not lost, found, fix)

    def _in_progress(self, pool: ThreadPoolExecutor) -> Future[tuple[int, bytes, float]] | None:
        """Return a request that has been sent but perhaps not answered, or None without a payload."""
        if self.payload is None:
            return None
        connection = self._send("POST", "/invocations", self.payload.body, self.payload.content_type)
        return pool.submit(self._answer, connection, time.monotonic())

    def _invoke(self, body: bytes, content_type: str) -> tuple[int, bytes, float]:
        return self._ask("POST", "/invocations", body, content_type, self.limits.invoke)

    def _ask(
        self, method: str, path: str, body: bytes = b"", content_type: str = "", timeout: float | None = None
    ) -> tuple[int, bytes, float]:
        """Return status, body and seconds of a request on a connection of its own."""
        start = time.monotonic()
        return self._answer(self._send(method, path, body, content_type, timeout), start)

    def _send(
        self, method: str, path: str, body: bytes, content_type: str, timeout: float | None = None
    ) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout or self.limits.invoke)
        connection.request(method, path, body or None, {"Content-Type": content_type} if content_type else {})
        return connection

    def _answer(self, connection: http.client.HTTPConnection, start: float) -> tuple[int, bytes, float]:
        try:
            answer = connection.getresponse()
            return answer.status, answer.read(), time.monotonic() - start
        except http.client.HTTPException as error:
            raise ConnectionError(f"no HTTP answer: {type(error).__name__}") from error
        finally:
            connection.close()


def _shown(body: bytes) -> str:
    return body[:80].decode("utf-8", errors="replace").strip() or "(empty)"
