"""ROC and calibration plots as SVG that takes its colours from the page and so follows light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stand-ins that no plot uses otherwise; each becomes a CSS variable of the page.
INK, MUTED, GRID = "#fe0001", "#fe0002", "#fe0003"
SERIES = [f"#fd00{number:02x}" for number in range(8)]
VARIABLES = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--line)"} | {
    colour: f"var(--c{number})" for number, colour in enumerate(SERIES)
}
DASHES = ["-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2))]
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


def drawn(contenders: Sequence[Mapping[str, Any]]) -> list[tuple[int, Mapping[str, Any]]]:
    """Return those that have curves, with their numbers; solid lines first, so that equal ones show."""
    having = [(number, contender) for number, contender in enumerate(contenders) if contender["curves"]]
    return sorted(having, key=lambda pair: pair[0] % len(DASHES))


def roc_plot(contenders: Sequence[Mapping[str, Any]]) -> str:
    """Return the ROC curves of the contenders that have one as an SVG element."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)))
        for number, contender in drawn(contenders):
            colour, dashes = style_of(number)
            false, true = zip(*contender["curves"]["roc"], strict=True)
            axes.plot(false, true, color=colour, linestyle=dashes, linewidth=1.6)
        axes.set(xlim=(0, 1), ylim=(0, 1.005), xlabel="False positive rate", ylabel="True positive rate")
        axes.set_aspect("equal")

    return _svg("roc", "ROC curves of the contenders on the test part", draw)


def calibration_plot(contenders: Sequence[Mapping[str, Any]]) -> str:
    """Return observed rate against mean score, in bins of equal weight, as an SVG element."""

    def draw(axes: Axes) -> None:
        top = 0.0
        for number, contender in drawn(contenders):
            colour, dashes = style_of(number)
            points = [(b["score"], b["rate"]) for b in contender["curves"]["calibration"]]
            top = max(top, *(max(point) for point in points))
            line = {"color": colour, "linestyle": dashes, "linewidth": 1.4, "marker": "o", "markersize": 3.2}
            axes.plot(*zip(*points, strict=True), **line)
        limit = min(1.0, 1.08 * top) or 1.0
        axes.plot([0, limit], [0, limit], color=MUTED, linewidth=0.8, linestyle=(0, (2, 3)), zorder=0)
        axes.set(xlim=(0, limit), ylim=(0, limit), xlabel="Mean predicted probability", ylabel="Observed rate")
        axes.set_aspect("equal")

    return _svg("calibration", "Calibration of the contenders on the test part", draw)


def _svg(name: str, label: str, draw: Any) -> str:
    """Return what ``draw`` puts on square axes as an SVG element that can stand inside a page."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.5, 4.3), layout="tight")
        axes = figure.subplots()
        draw(axes)
        axes.tick_params(length=0, pad=6)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return _inline(buffer.getvalue(), name, label)


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
