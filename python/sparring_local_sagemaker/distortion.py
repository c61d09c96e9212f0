"""What faults do to an answer's body."""

from __future__ import annotations

from sparring_local_sagemaker.faults import Effect

GARBAGE = b"\xff\xfe not a prediction"


def distorted(body: bytes, effect: Effect | None) -> bytes:
    """Return the body that a client gets: whole, shortened by rows, empty or garbled.

    Rows are what new lines separate, or commas where there is no new line.

    Examples
    --------
    >>> distorted(b"0.1\\n0.2\\n", Effect(kind="short_answer"))
    b'0.1\\n'
    """
    if effect is None or effect.kind not in ("short_answer", "empty_answer", "garbled_answer"):
        return body
    if effect.kind == "empty_answer":
        return b""
    if effect.kind == "garbled_answer":
        return GARBAGE
    separator = b"\n" if b"\n" in body.strip() else b","
    kept = body.strip().split(separator)[: -effect.rows]
    return separator.join(kept) + (separator if body.endswith(separator) and kept else b"")
