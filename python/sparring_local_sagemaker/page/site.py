"""The web page: jobs, endpoints, logs and buckets, as the server sees them now.  It changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from hmac import compare_digest
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from moto.s3.exceptions import MissingBucket
from moto.s3.models import s3_backends
from werkzeug.wrappers import Request, Response

from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.control_plane import ControlPlane
from sparring_local_sagemaker.logs import TRAINING_GROUP, TRANSFORM_GROUP, endpoint_group

LINES, KEYS = 500, 1_000
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
GROUPS: dict[str, Callable[[str], tuple[str, str]]] = {
    "training-jobs": lambda name: (TRAINING_GROUP, f"{name}/"),
    "transform-jobs": lambda name: (TRANSFORM_GROUP, f"{name}/"),
    "endpoints": lambda name: (endpoint_group(name), ""),
}


class Site:
    """The pages of one server: ``/``, ``/page/KIND/NAME`` and ``/page/buckets/NAME``.

    Parameters
    ----------
    plane : ControlPlane
    token : str
        Opens the page, in the address once and in a cookie from then on: logs and objects are the user's alone.
    """

    def __init__(self, plane: ControlPlane, token: str) -> None:
        self.plane, self.token = plane, token
        self._templates = Environment(
            loader=PackageLoader("sparring_local_sagemaker.page"), autoescape=True, undefined=StrictUndefined
        )
        self._templates.filters |= {"clock": _clock, "size": _size}

    @staticmethod
    def has(environ: dict[str, Any]) -> bool:
        """Whether a request is for the page: it reads, and its path is of the page."""
        path = environ.get("PATH_INFO", "")
        return environ["REQUEST_METHOD"] == "GET" and (path == "/" or path.startswith("/page/"))

    def answer(self, environ: dict[str, Any]) -> Response:
        """Return the page that is asked for, if the one who asks has the token."""
        request = Request(environ)
        cookie = f"sparring-page-{environ['SERVER_PORT']}"
        if compare_digest(request.args.get("token", "").encode(), self.token.encode()):
            opened = Response("", 303, {**HEADERS, "Location": quote(request.path)})
            opened.set_cookie(cookie, self.token, httponly=True, samesite="Lax")
            return opened
        if not compare_digest(request.cookies.get(cookie, "").encode(), self.token.encode()):
            return Response(self._render("closed.html"), 403, HEADERS, content_type="text/html; charset=utf-8")
        return self._page(request.path)

    def _page(self, path: str) -> Response:
        """Return the page at ``path``, or a page that says there is none."""
        _, _, rest = path.partition("/page/")
        kind, _, name = rest.partition("/")
        found: str | None = None
        if path == "/":
            found = self._render("index.html", **self._overview())
        elif kind == "buckets":
            found = self._bucket(name)
        elif kind in GROUPS:
            found = self._resource(kind, name)
        if found is None:
            return Response(self._render("missing.html"), 404, HEADERS, content_type="text/html; charset=utf-8")
        return Response(found, 200, HEADERS, content_type="text/html; charset=utf-8")

    def _render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(now=time.time(), **values)

    def _overview(self) -> dict[str, Any]:
        plane = self.plane
        buckets = s3_backends[ACCOUNT]["aws"].buckets
        return {
            "training_jobs": sorted(plane.training_jobs.store, key=lambda r: -r["CreationTime"]),
            "transform_jobs": sorted(plane.transform_jobs.store, key=lambda r: -r["CreationTime"]),
            "endpoints": sorted(plane.endpoints.store, key=lambda r: -r["CreationTime"]),
            "models": sorted(plane.models.store, key=lambda r: -r["CreationTime"]),
            "buckets": [(name, _bucket_sizes(bucket)) for name, bucket in sorted(buckets.items())],
            "faults": plane.platform.faults.struck[-50:],
            "state": str(plane.platform.state),
        }

    def _resource(self, kind: str, name: str) -> str | None:
        store = {
            "training-jobs": self.plane.training_jobs.store,
            "transform-jobs": self.plane.transform_jobs.store,
            "endpoints": self.plane.endpoints.store,
        }[kind]
        if name not in store:
            return None
        record = store.found(name)
        group, prefix = GROUPS[kind](name)
        logs = []
        for stream, path in self.plane.platform.logs.streams(group, prefix):
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            logs.append((stream, lines[-LINES:], max(0, len(lines) - LINES)))
        members = {key: value for key, value in record.items() if key != "SecondaryStatusTransitions"}
        steps = record.get("SecondaryStatusTransitions", [])
        return self._render("resource.html", kind=kind, name=name, members=members, steps=steps, logs=logs)

    def _bucket(self, name: str) -> str | None:
        try:
            keys = s3_backends[ACCOUNT]["aws"].get_bucket(name).keys
        except MissingBucket:
            return None
        listed = [(key, found.size, found.last_modified) for key, found in sorted(keys.items())]
        return self._render("bucket.html", name=name, objects=listed[:KEYS], more=max(0, len(listed) - KEYS))


def _bucket_sizes(bucket: Any) -> tuple[int, int]:
    """Return the number of objects in a bucket and their bytes."""
    sizes = [found.size for found in list(bucket.keys.values())]
    return len(sizes), sum(sizes)


def _clock(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else ""


def _size(count: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> _size(1536)
    '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1_024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1_024
    raise AssertionError
