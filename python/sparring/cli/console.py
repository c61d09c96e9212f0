"""Where commands print, how much, and the result of a run."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

VERDICTS = {
    "better": "one is better",
    "equivalent": "equivalent, so take the cheapest",
    "cannot_tell": "cannot tell",
    "nothing_beats_baseline": "nothing beats the baseline",
    "refused": "refused",
}

Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON document, and nothing else, on standard output.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress: the result and errors only.")]


def console() -> Console:
    """Return the console of standard output, without colours for numbers."""
    return Console(highlight=False)


def print_json(document: Any) -> None:
    """Print the result of a command for programs; a figure that is not a finite number is null."""
    from sparring.report.document import finite

    print(json.dumps(finite(document), indent=2, default=str, allow_nan=False))


def print_result(facts: dict[str, Any], page: str, out: Console) -> None:
    """Print the contenders with the metric that decides, the verdict and where the page is."""
    from sparring.report.formats import heading

    metric = facts["task"]["metrics"][0]
    unit = f" of {metric['unit']}" if metric["unit"] else ""
    title = f"{heading(metric['title'])}{unit} (interval)"
    names = [Column(escape(name), no_wrap=True) for name in ("Contender", "Engine", title)]
    table = Table(*names, "Wall s", "CPU s", "GiB", box=None, pad_edge=False)
    for result in facts["results"]:
        engine = result["engine"] + ("*" if result["emulated"] else "")
        table.add_row(result["name"], engine, *_figures(result, facts["evaluations"].get(result["name"]), metric))
    out.print()
    out.print(table)
    if any(result["emulated"] for result in facts["results"]):
        out.print("* a local emulator: its score counts, its time and memory are not SageMaker's")
    for result in facts["results"]:
        if result["error"] is not None:
            out.print(f"{result['name']} failed: {escape(result['error']['message'])}")
    verdict = facts["verdict"]
    out.print(f"\n[bold]Verdict:[/] {VERDICTS[verdict['kind']]}. {escape(verdict['finding'])}")
    for caveat in verdict["caveats"]:
        out.print(f"- {escape(caveat)}", soft_wrap=True)
    out.print(f"[bold]Page:[/] {page.removeprefix('file:')}", soft_wrap=True)


def _figures(result: dict[str, Any], evaluation: dict[str, Any] | None, metric: dict[str, Any]) -> list[str]:
    from sparring.task import written

    usage = [
        f"{result['wall_seconds']:.1f}",
        "unknown" if result["cpu_seconds"] is None else f"{result['cpu_seconds']:.1f}",
        "unknown" if result["peak_memory_bytes"] is None else f"{result['peak_memory_bytes'] / 2**30:.2f}",
    ]
    if evaluation is None:
        return ["failed", *usage]
    found = evaluation["metrics"][metric["name"]]
    value, low, high = (
        None if found[name] is None else written(found[name], metric["shown_as"]) for name in ("value", "low", "high")
    )
    return [f"{value}" if low is None else f"{value} ({low} to {high})", *usage]
