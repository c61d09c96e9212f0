"""Tables that become cards on a narrow screen: each cell there stands beside the name of its column."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Text is escaped, so that these can only be tags of the templates.
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
HEADS = re.compile(r"<thead>.*?</thead>", re.DOTALL)
HEAD = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
ROW = re.compile(r"<tr\b.*?</tr>", re.DOTALL)
CELL = re.compile(r"<t([dh])\b([^>]*)>")
SPAN = re.compile(r'colspan="(\d+)"')


def with_labels(page: str) -> str:
    """Return ``page`` with ``data-label``, the text of its column's head, at every cell of every table.

    Examples
    --------
    >>> with_labels("<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>")[28:]
    '</tr></thead><tbody><tr><td data-label="a">1</td></tr></tbody></table>'
    """
    return TABLE.sub(lambda found: _labelled(found[0]), page)


def _labelled(table: str) -> str:
    head = HEADS.search(table)
    if head is None:
        return table
    labels = [re.sub(r"<[^>]+>", "", text).strip() for text in HEAD.findall(head[0])]
    return table[: head.end()] + ROW.sub(lambda row: _row(row[0], labels), table[head.end() :])


def _row(row: str, labels: list[str]) -> str:
    places = _places(row)
    return CELL.sub(lambda cell: f'<t{cell[1]} data-label="{labels[next(places)]}"{cell[2]}>', row)


def _places(row: str) -> Iterator[int]:
    """Yield the number of the column in which each cell of a row begins."""
    place = 0
    for cell in CELL.finditer(row):
        yield place
        span = SPAN.search(cell[2])
        place += int(span[1]) if span else 1
