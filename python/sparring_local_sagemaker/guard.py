"""What keeps web pages out: other host names, other origins, and answers that a browser would share with them."""

from __future__ import annotations

import re
from typing import Any

from sparring.wire.service_model import AwsError

LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
# A page of this server never asks so; an address that a person opens from elsewhere does, and is a document of its own.
ELSEWHERE = {"cross-site", "same-site"}
# An object of S3 that is a web page must not run as one of this server's.
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
SHARED = "access-control-"


def require_own_client(environ: dict[str, Any]) -> None:
    """Refuse a request that a browser was led to send here by another site's page.

    Raises
    ------
    AwsError
        If the header ``Host`` is no loopback name, ``Origin`` is another one than this server's, or the browser says
        that another site asks.
    """
    host = environ.get("HTTP_HOST", "")
    name = re.sub(r":\d+$", "", host).lower()
    if name not in LOOPBACK and not name.endswith(".localhost"):
        raise AwsError("AccessDeniedException", f"This server answers on loopback only, not as {host!r}", 403)
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin.lower() != f"http://{host}".lower():
        raise AwsError("AccessDeniedException", f"This server answers no page of another origin, here {origin!r}", 403)
    if environ.get("HTTP_SEC_FETCH_SITE") in ELSEWHERE and not _is_opened(environ):
        raise AwsError("AccessDeniedException", "This server answers no page of another site", 403)
    if environ.get("REQUEST_METHOD") == "OPTIONS":
        raise AwsError("AccessForbidden", "CORSResponse: CORS is not enabled here.", 403)


def _is_opened(environ: dict[str, Any]) -> bool:
    """Whether a person opens an address: the page that held it sees nothing of the answer."""
    asked = (environ.get("HTTP_SEC_FETCH_MODE"), environ.get("HTTP_SEC_FETCH_DEST"))
    return environ.get("REQUEST_METHOD") == "GET" and asked == ("navigate", "document")


def guarded(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return an answer's headers without what shares it with other origins, and with what keeps it apart.

    Examples
    --------
    >>> [name for name, _ in guarded([("Access-Control-Allow-Origin", "*"), ("ETag", "x")])][:1]
    ['ETag']
    """
    kept = [(name, value) for name, value in headers if not name.lower().startswith(SHARED)]
    known = {name.lower() for name, _ in kept}
    return kept + [(name, value) for name, value in HEADERS.items() if name.lower() not in known]
