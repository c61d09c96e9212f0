"""From ``report.json`` to one self-contained page."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import partial, reduce
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sparring.report import formats, units
from sparring.report.figures import drawings
from sparring.report.layout import (
    class_balance,
    cluster_bars,
    difference_kind,
    funnel,
    intervals,
    leak_bars,
    legend,
    ranked,
    size_kind,
    tiles,
    time_bars,
)
from sparring.report.settings import differing_settings
from sparring.report.tables import with_labels


def render(document: Mapping[str, Any]) -> str:
    """Return the page of ``document``, the content of a ``report.json``.

    Every figure stands in a ``<data>`` element with its exact value and its place in ``document`` (a JSON
    pointer, RFC 6901); text is escaped; nothing is loaded from anywhere.  A stored ``report.json`` gives the
    same page again.
    """
    environment = templates(document)
    contenders, metrics = document["contenders"], document["task"]["metrics"]
    # The first of them decides.
    metric = metrics[0]
    order = ranked(contenders, metric)
    page = environment.get_template("report.html").render(
        document=document,
        task=document["task"],
        metrics=metrics,
        metric=metric,
        difference=difference_kind(metric),
        size=size_kind(metric),
        order=order,
        sampled=next((contender["sample"] for contender in contenders if contender["sample"]), None),
        doubted=next((c["metrics"][metric["name"]]["reason"] for c in contenders if c["metrics"]), None),
        intervals=intervals(contenders, metric),
        settings=differing_settings(contenders),
        tiles=tiles(document, metric),
        funnel=funnel(document),
        balance=class_balance(document["split"]),
        cluster_bars=cluster_bars(document["deduplicate"]),
        leak_bars=leak_bars(document["leakage"], metric),
        legend=legend(contenders, metric),
        time_bars=time_bars(contenders),
        drawings=drawings(contenders, order),
    )
    return with_labels(page)


def templates(document: Mapping[str, Any]) -> Environment:
    """Return the templates, with the functions that put figures of ``document`` on a page."""
    loader = PackageLoader("sparring.report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals["figure"] = partial(figure, document)
    environment.globals["negative"] = partial(is_negative, document)
    script = loader.get_source(environment, "report.js")[0]
    environment.globals.update(script=Markup(script), script_hash=digest(script))
    environment.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    environment.filters.update(formats.KINDS, moment=formats.moment, heading=formats.heading, at=escaped)
    return environment


def digest(script: str) -> str:
    """Return what a content security policy allows an inline script by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def figure(document: Mapping[str, Any], pointer: str, kind: str) -> Markup:
    """Return the figure at ``pointer`` as a ``<data>`` element, formatted as ``kind`` (see formats.KINDS).

    Figures that differ in nothing but a number in their pointer are a column, and have one unit.

    Examples
    --------
    >>> str(figure({"rows": {"input": 1234}}, "/rows/input", "count"))
    '<data value="1234" data-pointer="/rows/input" data-kind="count">1,234</data>'
    """
    value = resolve(document, pointer)
    text = formats.ABSENT if value is None else units.formatter(kind, column(document, pointer))(value)
    return Markup('<data value="{}" data-pointer="{}" data-kind="{}">{}</data>').format(
        json.dumps(value), pointer, kind, text
    )


def is_negative(document: Mapping[str, Any], pointer: str) -> bool:
    """Return whether the figure at ``pointer`` has a minus sign, which a dash before it would hide."""
    value = resolve(document, pointer)
    return value is not None and value < 0


def column(document: Mapping[str, Any], pointer: str) -> list[float]:
    """Return all figures whose pointers differ from ``pointer`` in a place within a list only.

    Examples
    --------
    >>> column({"rows": [{"x": 1}, {"x": None}, {}, {"x": 3}]}, "/rows/3/x")
    [1, 3]
    """
    values: list[Any] = [document]
    for name in pointer.split("/")[1:]:
        values = [
            item for value in values for item in (value if isinstance(value, list) else [resolve(value, f"/{name}")])
        ]
    return [value for value in values if isinstance(value, (int, float))]


def escaped(name: str) -> str:
    """Return a name as a JSON pointer has it.

    Examples
    --------
    >>> escaped("a/b")
    'a~1b'
    """
    return name.replace("~", "~0").replace("/", "~1")


def resolve(document: Any, pointer: str) -> Any:
    """Return the value at a JSON pointer; None where an object has no such key.

    Examples
    --------
    >>> resolve({"a": [{"b/c": 1}]}, "/a/0/b~1c")
    1
    """

    def step(value: Any, name: str) -> Any:
        if isinstance(value, list):
            return value[int(name)]
        return None if value is None else value.get(name.replace("~1", "/").replace("~0", "~"))

    return reduce(step, pointer.split("/")[1:], document)
