"""Phase invocations: requests one after the other, good and bad, and what their answers hold."""

from __future__ import annotations

import time

from sparring.container.check.answers import CSV, JSON, alike, not_finite, records, same, type_trouble
from sparring.container.check.exchange import BROKEN, Answer
from sparring.container.check.rules import (
    HOSTING,
    HTTP,
    INVOKE,
    JOIN,
    METRICS,
    PRACTICE,
    TRANSFORM,
    Check,
    Verdict,
    rule,
)
from sparring.container.check.service import Service
from sparring.container.check.subject import BY_LINES

UNKNOWN_TYPE = "application/x-sparring-unknown"
# Neither text nor JSON nor numbers.
GARBAGE = b"\xff\xfe\x00{no, such\x00 thing]\n\x80,,\n"
UNREADABLE_IN = (CSV, JSON, "application/jsonlines", "text/libsvm", "text/x-libsvm")
ROWS = 7
REPEATS = 4
ON_ONE_CONNECTION = 20
CANNOT_DIVIDE = Verdict(
    None, f"a body of this type is not divided into rows; these are: JSON lists, {', '.join(BY_LINES)}"
)


@rule(
    "serve.invocation",
    HOSTING,
    "answer POST /invocations with 200 and a body, framed by Content-Length or whole chunks, within 60 s",
)
def answers(service: Service) -> Verdict:
    """A good request is answered with 200 and a body within 60 s."""
    answer = service.invoke()
    found = f"{len(answer.body):,} bytes in {answer.seconds:.2f} s, {answer}"
    return Verdict(answer.status == 200 and bool(answer.body), found)


@rule(
    "serve.content_type",
    INVOKE + ": ContentType is the type of the inference returned",
    "send the Content-Type of what the body holds",
)
def names_its_type(service: Service) -> Verdict:
    """An answer has a content type, and its body is of it."""
    answer = service.invoke()
    trouble = type_trouble(answer)
    return Verdict(not trouble, trouble or f"{answer.content_type}")


@rule(
    "serve.accept",
    INVOKE + ": Accept is the desired type of the inference",
    "answer in the type that Accept names, or with 406",
)
def heeds_accept(service: Service) -> Verdict:
    """The accepted type is what is answered, or the request is refused."""
    found = []
    for wanted in (JSON, CSV):
        answer = service.invoke(accept=wanted)
        found.append(f"{wanted}: {answer.status} {answer.content_type}")
        if answer.status == 200 and (answer.content_type != wanted or type_trouble(answer)):
            return Verdict(False, f"Accept {found[-1]}, {type_trouble(answer) or answer}")
        if answer.status >= 500:
            return Verdict(False, f"Accept {wanted}: {answer}")
    return Verdict(True, "; ".join(found))


@rule(
    "serve.numbers",
    "RFC 8259, JSON, section 6 (no NaN, no Infinity); " + PRACTICE,
    "find out why the model answers a good request so; refuse with 400 what cannot be scored",
)
def answers_numbers(service: Service) -> Verdict:
    """No answer is NaN or infinite."""
    wrong = not_finite(service.invoke())
    return Verdict(not wrong, f"{len(wrong)} values such as {wrong[0]}" if wrong else "all finite")


@rule(
    "serve.repeatable",
    PRACTICE + ": clients try again, and instances answer in turn",
    "keep no state between requests, set models to inference mode and seeds to a constant",
)
def repeats(service: Service) -> Verdict:
    """A request is answered alike each time."""
    first, *others = [service.invoke() for _ in range(REPEATS)]
    wrong = [answer for answer in others if not same(first, answer)]
    return Verdict(not wrong, f"first {first}, later {wrong[0]}" if wrong else f"{REPEATS} times alike")


@rule(
    "serve.rows",
    JOIN,
    "answer a record a row; mind header lines, last lines without a newline, and limits of rows",
)
def counts_rows(service: Service) -> Verdict:
    """As many rows are answered as were sent."""
    counts = row_counts(service)
    if counts is None:
        return CANNOT_DIVIDE
    if {answered for _, answered in counts} == {1}:
        return Verdict(None, "a request has one answer here, however many rows it has")
    wrong = [f"{answered} answers to {sent} rows" for sent, answered in counts if sent != answered]
    return Verdict(not wrong, "; ".join(wrong) or f"{', '.join(str(sent) for sent, _ in counts)} rows, all answered")


@rule(
    "serve.row_order",
    TRANSFORM + ": records are put together in mini-batches as they fit",
    "score each row by itself, and answer in the order of the request",
)
def keeps_rows_apart(service: Service) -> Verdict:
    """A row is answered as it is alone, wherever it stands."""
    rows = list(dict.fromkeys(map(_hashable, service.payload.rows)))[:ROWS]
    counts = row_counts(service)
    if counts is None:
        return CANNOT_DIVIDE
    if len(rows) < 2 or any(sent != answered for sent, answered in counts):
        return Verdict(None, "it needs two rows that differ, and an answer to each")
    given = [service.payload.rows[list(map(_hashable, service.payload.rows)).index(row)] for row in rows]
    alone = [records(service.invoke(service.payload.of([row])), 1) for row in given]
    for order in (list(range(len(given))), list(reversed(range(len(given))))):
        found = records(service.invoke(service.payload.of([given[at] for at in order])), len(given)) or []
        for place, at in enumerate(order):
            if not alike(found[place], alone[at]):
                return Verdict(False, f"row {place + 1} of {len(given)}: {found[place]}, alone: {alone[at]}")
    if all(alike(one, alone[0]) for one in alone):
        return Verdict(None, "its rows are all answered alike: send some that are not")
    return Verdict(True, f"{len(given)} rows, in two orders")


@rule(
    "serve.unknown_type",
    METRICS,
    "answer a content type that the program does not read with 415 and a sentence that names those it does",
)
def refuses_unknown_types(service: Service) -> Verdict:
    """A content type that is not read is refused."""
    answer = service.invoke(GARBAGE, UNKNOWN_TYPE)
    return Verdict(400 <= answer.status < 500, f"Content-Type {UNKNOWN_TYPE}: {answer}")


@rule(
    "serve.garbage",
    METRICS,
    "answer what does not parse with 400 and a sentence that says where",
)
def refuses_garbage(service: Service) -> Verdict:
    """A body that cannot be read is refused."""
    if service.payload.kind not in UNREADABLE_IN:
        return Verdict(None, f"any bytes may be {service.payload.kind}")
    answer = service.invoke(GARBAGE)
    return Verdict(400 <= answer.status < 500, f"{len(GARBAGE)} bytes that are nothing: {answer}")


@rule(
    "serve.empty",
    METRICS,
    "answer an empty body with 400, and read no more than Content-Length says",
)
def takes_empty_bodies(service: Service) -> Verdict:
    """An empty body is answered or refused."""
    answer = service.invoke(b"")
    return Verdict(answer.status < 500, f"in {answer.seconds:.2f} s {answer}")


@rule(
    "serve.large",
    HOSTING + "; endpoints and quotas: payload of an invocation",
    "take bodies of up to 6,291,456 bytes, read them whole, and answer within 60 s",
)
def takes_large_bodies(service: Service) -> Verdict:
    """A body of 6 MiB is answered, all rows of it."""
    enlarged = service.payload.enlarged(service.limits.body)
    if enlarged is None:
        return CANNOT_DIVIDE
    body, rows = enlarged
    answer = service.invoke(body)
    found = f"{len(body):,} bytes in {answer.seconds:.2f} s, {answer}"
    if answer.status != 200:
        return Verdict(False, found)
    counts = row_counts(service) or []
    answered = records(answer, rows)
    if answered is None or any(sent != count for sent, count in counts):
        return Verdict(True, found)
    return Verdict(len(answered) == rows, f"{len(answered):,} answers to {rows:,} rows; {found}")


@rule(
    "serve.chunked",
    TRANSFORM + " (0: chunked); " + HTTP + ", section 7.1",
    "read Transfer-Encoding: chunked, or answer 411; behind a server such as uvicorn or nginx that is done",
)
def takes_chunks(service: Service) -> Verdict:
    """A body in chunks, without a length, is answered or refused."""
    alone = service.invoke()
    answer = service.invoke(Transfer_Encoding="chunked")
    held = same(alone, answer) or 400 <= answer.status < 500
    return Verdict(held, f"with a length {alone}, in chunks {answer}")


@rule(
    "serve.keep_alive",
    HTTP + ", sections 9.3 and 9.6",
    "read every body to its end, also of a request that is refused, and send Connection: close before closing",
)
def keeps_connections(service: Service) -> Verdict:
    """A connection takes one request after the other, also after one that was refused."""
    alone, connection, opened, number = service.invoke(), service.connect(), 1, 0
    end = time.monotonic() + service.limits.load
    try:
        for number in range(ON_ONE_CONNECTION):
            # A slow program need not be asked as often; twice after the refusal it must.
            if number > 3 and time.monotonic() > end:
                break
            refused = number == 1
            body, kind = (GARBAGE, UNKNOWN_TYPE) if refused else (None, "")
            answer = service.invoke_on(connection, body, kind)
            if not refused and not same(alone, answer):
                return Verdict(False, f"request {number + 1} on a connection: {answer}, on one of its own: {alone}")
            if answer.closes:
                connection.socket.close()
                connection, opened = service.connect(), opened + 1
    except BROKEN as error:
        return Verdict(False, f"request {number + 1} on a connection: {type(error).__name__}: {error}")
    finally:
        connection.socket.close()
    return Verdict(True, f"{number + 1} requests, one of them refused, on {opened} connections")


CHECKS: tuple[Check[Service], ...] = (
    names_its_type,
    heeds_accept,
    answers_numbers,
    repeats,
    counts_rows,
    keeps_rows_apart,
    refuses_unknown_types,
    refuses_garbage,
    takes_empty_bodies,
    takes_large_bodies,
    takes_chunks,
    keeps_connections,
)


def row_counts(service: Service) -> list[tuple[int, int]] | None:
    """Return how many rows were sent and answered, for three sizes; None if rows are not told apart."""
    if not service.payload.rows:
        return None
    counts = []
    for size in (ROWS - 2, ROWS):
        found = _records_of(service.invoke(service.payload.of(service.payload.several(size))), size)
        if found is None:
            return None
        counts.append((size, found))
    return counts


def _records_of(answer: Answer, rows: int) -> int | None:
    if answer.status != 200:
        raise ConnectionError(f"{rows} rows of the payload were answered {answer}")
    found = records(answer, rows)
    return None if found is None else len(found)


def _hashable(row: object) -> object:
    """Return a row as something to compare: a JSON row is a list or an object."""
    return row if isinstance(row, bytes) else repr(row)
