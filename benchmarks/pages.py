"""Results of a benchmark, as data and as a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def save(name: str, results: Any, page: str) -> None:
    """Write ``results/NAME.json`` and ``docs/benchmarks/NAME.md``."""
    (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    (ROOT / "docs" / "benchmarks").mkdir(exist_ok=True)
    (ROOT / "benchmarks" / "results" / f"{name}.json").write_text(json.dumps(results, indent=2) + "\n")
    (ROOT / "docs" / "benchmarks" / f"{name}.md").write_text(page)
    print(page)
