"""The page of an audit alone, for tables that no run has made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sparring.io import storage
from sparring.report.document import finite
from sparring.report.page import templates
from sparring.report.tables import with_labels


def render_audit(document: Mapping[str, Any]) -> str:
    """Return the self-contained page of an audit's report, which also has the ``paths`` of the parts."""
    return with_labels(templates(document).get_template("audit.html").render(document=document))


def write_audit(path: str, report: Mapping[str, Any], paths: Mapping[str, str]) -> None:
    """Write an audit to ``path``: a page when it ends in ``.html``, else JSON.

    Parameters
    ----------
    path : str
        Local or remote.
    report : dict
        As :meth:`sparring.leakage.AuditReport.to_dict` gives it.
    paths : dict of str to str
        Where each part was read from.
    """
    document = finite({**report, "paths": dict(paths)})
    text = render_audit(document) if path.endswith(".html") else json.dumps(document, indent=2, allow_nan=False) + "\n"
    storage.write_text(path, text)
