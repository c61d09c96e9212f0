"""Writing the report into the run's folder."""

from __future__ import annotations

from typing import Any

from sparring.io import storage
from sparring.report.document import document
from sparring.report.facts import RunFacts
from sparring.report.page import render
from sparring.report.scoring import scoring_of


def write_report(folder: str, facts: RunFacts) -> str:
    """Write ``report.json`` and ``report.html`` into ``folder`` and return the page's path.

    Parameters
    ----------
    folder : str
        The run's folder, local or remote.
    facts : RunFacts

    Notes
    -----
    The page is rendered from the very document that is written, so the two cannot disagree.  Takes about a
    second, most of it Matplotlib's.
    """
    return _write(folder, document(facts))


def refresh_report(folder: str) -> str:
    """Write both again with what was scored with the run's model since; return the page's path."""
    return _write(folder, storage.read_json(storage.join(folder, "report.json")))


def _write(folder: str, content: dict[str, Any]) -> str:
    content["scoring"] = scoring_of(folder)
    storage.write_json(storage.join(folder, "report.json"), content)
    page = storage.join(folder, "report.html")
    storage.write_text(page, render(content))
    return page
