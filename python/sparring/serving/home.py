"""The page at ``/`` of a package's server: what is served, what a row holds, and a request to copy."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from sparring.serving.manifest import CHOSEN, PackageManifest
from sparring.serving.sample import Cell, sample_command

# JSON first: a browser asks for HTML by name, curl for anything.
HOME_TYPES = ("application/json", "text/html")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
pre{{background:#f3f3f3;padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}}
td,th{{text-align:left;padding:.2rem 1rem .2rem 0;overflow-wrap:anywhere}}</style></head>
<body><h1>{title}</h1>
<p>{meaning}</p>
<h2>A request</h2><pre>{command}</pre>
<h2>Columns of a row</h2><table><thead><tr><th scope="col">column</th><th scope="col">kind</th>
<th scope="col">type in the table</th><th scope="col">sample</th></tr></thead><tbody>
{rows}</tbody></table>
<p>As a program reads it: <a href="openapi.json">openapi.json</a>.</p></body></html>
"""


def home(manifest: PackageManifest, sample: dict[str, Cell], address: str) -> dict[str, Any]:
    """Return what the page tells, as plain values."""
    return {
        "model": manifest.run.get("contender"),
        "run": manifest.run.get("name"),
        "label": manifest.label,
        "task": manifest.task,
        "target": manifest.target.to_dict(),
        "threshold": manifest.threshold,
        "threshold_from": manifest.threshold_from,
        "columns": [{"name": c.name, "kind": c.kind, "type": c.type} for c in manifest.columns],
        "sample": {"instances": [sample]},
        "command": sample_command(sample, address),
        "openapi": f"{address}/openapi.json",
    }


def home_page(manifest: PackageManifest, sample: dict[str, Cell], address: str) -> str:
    """Return the page in HTML; nothing of the table or the request is taken for markup."""
    cells = ((c.name, c.kind, c.type, json.dumps(sample[c.name], ensure_ascii=False)) for c in manifest.columns)
    return PAGE.format(
        title=escape(f"{manifest.run.get('contender')} predicts {manifest.label}"),
        meaning=escape(meaning(manifest)),
        command=escape(sample_command(sample, address)),
        rows="".join(_line(*row) for row in cells),
    )


def meaning(manifest: PackageManifest) -> str:
    """Return what an answer means, in words."""
    classes = manifest.target.classes
    if manifest.threshold is not None:
        origin = "chosen on validation rows" if manifest.threshold_from == CHOSEN else "as configured"
        return (
            f"A score is the probability of {classes[1]!r}; from {manifest.threshold:.6g} on ({origin}) {classes[1]!r} "
            f"is predicted, below it {classes[0]!r}."
        )
    if classes:
        return f"The probabilities are of {', '.join(map(repr, classes))}, in this order; the likeliest is predicted."
    return f"What is predicted is {manifest.label}, a number."


def _line(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"
