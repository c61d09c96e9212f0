"""The report of a run: ``report.json`` with every figure, and ``report.html``, one page for offline use."""

from sparring.report.document import document
from sparring.report.facts import RunFacts
from sparring.report.page import render
from sparring.report.write import write_report

__all__ = ["RunFacts", "document", "render", "write_report"]
