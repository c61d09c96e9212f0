"""What a request holds and what its sender wants back: media types, and the errors of requests.

Source: RFC 9110, "HTTP Semantics", sections 8.3 (Content-Type) and 12.5.1 (Accept).
"""

from __future__ import annotations

from collections.abc import Sequence

# Names in use besides the registered ones.
SYNONYMS = {
    "csv": "text/csv",
    "application/csv": "text/csv",
    "application/x-jsonlines": "application/jsonlines",
    "application/x-ndjson": "application/jsonlines",
    "application/ndjson": "application/jsonlines",
    "application/vnd.apache.parquet": "application/x-parquet",
    "application/parquet": "application/x-parquet",
}


class RequestError(ValueError):
    """Raised by a predictor for a request that is its sender's fault; its message is the answer's body."""

    status = 400


class BodyError(RequestError):
    """Raised by a predictor for a body that does not parse or breaks its schema; answered with 400."""


class ContentError(RequestError):
    """Raised by a predictor for a content type that it does not read; answered with 415."""

    status = 415


class AcceptError(RequestError):
    """Raised by a predictor that writes none of the accepted types; answered with 406."""

    status = 406


class TooLargeError(RequestError):
    """Raised for a body over the limit; answered with 413."""

    status = 413


def media_type(header: str) -> tuple[str, dict[str, str]]:
    """Return the type of a header, in lower case and by its usual name, and its parameters.

    Examples
    --------
    >>> media_type("Text/CSV; charset=utf-8; header=present")
    ('text/csv', {'charset': 'utf-8', 'header': 'present'})
    """
    kind, *rest = (part.strip() for part in header.split(";"))
    pairs = (part.partition("=") for part in rest if part)
    named = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    return SYNONYMS.get(kind.lower(), kind.lower()), named


def negotiate(accept: str, offered: Sequence[str]) -> str:
    """Return which of ``offered`` answers an Accept header best; the first where nothing is preferred.

    Parameters
    ----------
    accept : str
        The header; empty means anything.
    offered : sequence of str
        Types that the predictor writes, its preferred first.

    Raises
    ------
    AcceptError
        If none is accepted.

    Examples
    --------
    >>> negotiate("application/json;q=0.5, text/*", ["application/json", "text/csv"])
    'text/csv'
    """
    wanted = [_preference(part) for part in (accept.strip() or "*/*").split(",")]
    best, quality = "", 0.0
    for kind in offered:
        # The most specific pattern that fits decides.
        fits = [(len(pattern), q) for pattern, q in wanted if pattern == "" or kind.startswith(pattern)]
        q = max(fits)[1] if fits else 0.0
        if q > quality:
            best, quality = kind, q
    if not best:
        raise AcceptError(f"accept {accept!r} names none of {', '.join(offered)}")
    return best


def _preference(part: str) -> tuple[str, float]:
    """Return what a type must start with, and its weight."""
    kind, named = media_type(part)
    try:
        quality = float(named.get("q", "1"))
    except ValueError:
        quality = 0.0
    return kind.removesuffix("*").removesuffix("*/"), quality
