"""Plots as SVG that takes its colours from the page and so follows light and dark: drawn by their kind."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sparring.task import Plot

# Stand-ins that no plot uses otherwise; each becomes a CSS variable of the page.
INK, MUTED, GRID = "#fe0001", "#fe0002", "#fe0003"
SERIES = [f"#fd00{number:02x}" for number in range(8)]
VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--line)"} | {
    colour: f"var(--c{number})" for number, colour in enumerate(SERIES)
}
DASHES = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2))]
REFERENCE: dict[str, Any] = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (2, 3)), "zorder": 0}
# So many classes leave room for figures in the squares of a matrix; so many letters of a name beside them.
MOST_FIGURES, LONGEST_NAME = 10, 14
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "text.color": INK,
}


def style_of(number: int) -> tuple[str, Any]:
    """Return colour and dashes of a contender; both differ, for readers who see no colours."""
    return SERIES[number % len(SERIES)], DASHES[number % len(DASHES)]


@dataclass(frozen=True)
class Drawing:
    """A plot of the page: its title, what the dotted line is, and the SVG; of a matrix also whose it is."""

    title: str
    reference: str | None
    svg: Markup
    contender: int | None = None


def drawings(contenders: Sequence[Mapping[str, Any]], order: Sequence[int]) -> list[Drawing]:
    """Return the plots of the contenders in ``order``, drawn by their kinds.

    Those of one name are on the same axes, solid lines first, so that equal ones show; a matrix is drawn for each
    contender.
    """
    plots: dict[str, dict[int, Plot]] = {}
    for number in order:
        for plot in contenders[number]["plots"] or []:
            plots.setdefault(plot["name"], {})[number] = plot
    return [drawing for name, members in plots.items() for drawing in _drawn(name, members)]


def _drawn(name: str, plots: Mapping[int, Plot]) -> list[Drawing]:
    first = next(iter(plots.values()))
    if first["kind"] == "matrix":
        return [
            Drawing(
                plot["title"], None, _svg(f"{name}-{number}", plot["title"], partial(_matrix, plot, number)), number
            )
            for number, plot in plots.items()
        ]
    lines = sorted(plots.items(), key=lambda pair: pair[0] % len(DASHES))
    label = f"{first['title']}, of the contenders on the test part"
    svg = _svg(name, label, partial(KINDS[first["kind"]], lines, first))
    return [Drawing(first["title"], first.get("reference"), svg)]


def _lines(lines: Sequence[tuple[int, Plot]], first: Plot, axes: Axes) -> None:
    """Curves from (0, 0) to (1, 1), beside the diagonal."""
    axes.plot([0, 1], [0, 1], **REFERENCE)
    _series(lines, axes, linewidth=1.6)
    axes.set(xlim=(0, 1), ylim=(0, 1.005), xlabel=first["x"], ylabel=first["y"])
    axes.set_aspect("equal")


def _calibration(lines: Sequence[tuple[int, Plot]], first: Plot, axes: Axes) -> None:
    """Marked points on two equal axes, beside the diagonal."""
    values = [value for _, plot in lines for point in plot["points"] for value in point]
    low, high = min(0.0, *values), max(values)
    low, high = (low and low - 0.04 * (high - low), high + 0.08 * (high - low) or 1.0)
    _series(lines, axes, linewidth=1.4, marker="o", markersize=3.2)
    axes.plot([low, high], [low, high], **REFERENCE)
    axes.set(xlim=(low, high), ylim=(low, high), xlabel=first["x"], ylabel=first["y"])
    axes.set_aspect("equal")


def _quantiles(lines: Sequence[tuple[int, Plot]], first: Plot, axes: Axes) -> None:
    """Curves from 0 to 1, around a line at 0."""
    axes.axhline(0, **REFERENCE)
    _series(lines, axes, linewidth=1.6)
    axes.set(xlim=(0, 1), xlabel=first["x"], ylabel=first["y"])


def _matrix(plot: Plot, number: int, axes: Axes) -> None:
    """Squares as dark as their share, with its figure where there is room."""
    names, cells = [_short(name) for name in plot["names"]], plot["cells"]
    for row, shares in enumerate(cells):
        for column, share in enumerate(shares):
            colour, opacity = style_of(number)[0], 0.62 * share
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=opacity, edgecolor="none")
            )
            if len(names) <= MOST_FIGURES:
                axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=INK, size=8)
    places = range(len(names))
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel=plot["x"], ylabel=plot["y"])
    axes.set_xticks(
        places,
        names,
        rotation=45 if max(map(len, names)) > 3 else 0,
        ha="right" if max(map(len, names)) > 3 else "center",
    )
    axes.set_yticks(places, names)
    axes.grid(False)
    axes.set_aspect("equal")


def _series(lines: Sequence[tuple[int, Plot]], axes: Axes, **style: Any) -> None:
    for number, plot in lines:
        colour, dashes = style_of(number)
        axes.plot(*zip(*plot["points"], strict=True), color=colour, linestyle=dashes, **style)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}\u2026"


KINDS = {"line": _lines, "calibration": _calibration, "quantiles": _quantiles}


def _svg(name: str, label: str, draw: Callable[[Axes], None]) -> Markup:
    """Return what ``draw`` puts on square axes as an SVG element that can stand inside a page."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.5, 4.3), layout="tight")
        axes = figure.subplots()
        draw(axes)
        axes.tick_params(length=0, pad=6)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    # Matplotlib escapes what it writes.
    return Markup(_inline(buffer.getvalue(), name, str(escape(label))))


def _inline(svg: str, name: str, label: str) -> str:
    """Return Matplotlib's file without prolog, fixed size, fonts and colours; ids begin with ``name``."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg))
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg))
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{name}-", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, variable)
    return svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
