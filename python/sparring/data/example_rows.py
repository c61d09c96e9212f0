"""A few rows of what a stage wrote, with the names of their columns, for people who look at the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.dataset as ds
from pyarrow import fs

from sparring.data.contract import CLUSTER, KEY, REASON, SURVIVOR
from sparring.data.ingest import PART, QUARANTINED
from sparring.io import storage

EXAMPLES, ROWS = 3, 2
SHOWN_COLUMNS, SHOWN_CHARACTERS = 24, 80

Row = dict[str, Any]
Example = dict[str, Any]


def quarantined_examples(folder: str, reasons: Sequence[str], columns: Sequence[str]) -> list[Example]:
    """Return rows that ingest quarantined, two for each reason.

    Parameters
    ----------
    folder : str
        What :func:`~sparring.data.ingest.ingest` wrote.
    reasons : sequence of str
        Those that occur.
    columns : sequence of str
        The columns to show.

    Returns
    -------
    list of dict
        ``about``, the reason, and ``rows``: name of the row -> column -> value as text.

    Notes
    -----
    Cost: one pass over the columns shown of the quarantined rows, which ends once enough were seen.
    """
    part = storage.join(folder, f"{PART}={QUARANTINED}")
    found = _first_of_each(part, REASON, reasons, columns) if reasons else {}
    return [
        {"about": reason, "rows": {f"row {at}": _shown(row, columns) for at, row in enumerate(rows, start=1)}}
        for reason, rows in found.items()
    ]


def duplicate_examples(folder: str, columns: Sequence[str]) -> list[Example]:
    """Return rows that were removed as duplicates, each beside the row that stayed.

    Parameters
    ----------
    folder : str
        What :func:`~sparring.dedup.write.deduplicate` wrote.
    columns : sequence of str
        The columns to show; those in which the two differ come first.

    Notes
    -----
    Cost: two passes, one over two columns and one over those shown, which end once enough were seen.
    """
    clusters = _removed_clusters(folder)
    kept = _first_of_each(folder, CLUSTER, clusters, columns, ds.field(SURVIVOR), most=1)
    removed = _first_of_each(folder, CLUSTER, clusters, columns, ~ds.field(SURVIVOR), most=1)
    return [
        _pair("", {"kept": kept.get(cluster, [{}])[0], "removed": rows[0]}, columns)
        for cluster, rows in removed.items()
    ]


def near_examples(folder: str, samples: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[Example]:
    """Return the rows of pairs that the near search found.

    Parameters
    ----------
    folder : str
        What :func:`~sparring.dedup.write.deduplicate` wrote.
    samples : sequence of mapping
        Pairs with ``src``, ``dst`` and ``similarity``, see :class:`~sparring.dedup.report.DuplicateReport`.
    columns : sequence of str
        The columns to show; those in which the two differ come first.

    Notes
    -----
    Cost: a pass over the columns shown, which ends once all were seen.
    """
    chosen = samples[:EXAMPLES]
    keys = [str(sample[end]) for sample in chosen for end in ("src", "dst")]
    found = _first_of_each(folder, KEY, keys, columns, most=1)
    rows = {key: row for key, (row, *_) in found.items()}
    return [
        _pair(
            f"similarity {sample['similarity']:.3f}",
            {"one": rows.get(str(sample["src"]), {}), "the other": rows.get(str(sample["dst"]), {})},
            columns,
        )
        for sample in chosen
    ]


def _pair(about: str, rows: Mapping[str, Row], columns: Sequence[str]) -> Example:
    """Return two rows, the columns in which they differ first."""
    one, other = rows.values()
    ordered = sorted(columns, key=lambda name: one.get(name) == other.get(name))
    return {"about": about, "rows": {name: _shown(row, ordered) for name, row in rows.items()}}


def _removed_clusters(folder: str) -> list[str]:
    """Return some clusters of which rows were removed."""
    found: list[str] = []
    for row in _scan(folder, [CLUSTER], ~ds.field(SURVIVOR)):
        if row[CLUSTER] not in found:
            found.append(row[CLUSTER])
        if len(found) == EXAMPLES:
            break
    return found


def _first_of_each(
    folder: str,
    by: str,
    values: Sequence[str],
    columns: Sequence[str],
    also: ds.Expression | None = None,
    most: int = ROWS,
) -> dict[str, list[Row]]:
    """Return the first rows for each of ``values`` in column ``by``, in the order of ``values``."""
    found: dict[str, list[Row]] = {value: [] for value in values}
    wanted = ds.field(by).isin(list(found))
    for row in _scan(folder, [by, *columns], wanted if also is None else wanted & also) if found else ():
        rows = found[row[by]]
        if len(rows) < most:
            rows.append(row)
        if all(len(rows) == most for rows in found.values()):
            break
    return {value: rows for value, rows in found.items() if rows}


def _scan(folder: str, columns: Sequence[str], where: ds.Expression) -> Iterator[Row]:
    """Yield the rows of a folder of Parquet files that meet a condition; columns that it lacks are left out."""
    system, inner = storage.filesystem(folder)
    if system.get_file_info(inner).type == fs.FileType.NotFound:
        return
    table = ds.dataset(inner, filesystem=system, format="parquet")
    names = [name for name in dict.fromkeys(columns) if name in table.schema.names]
    for batch in table.scanner(columns={name: ds.field(name) for name in names}, filter=where).to_batches():
        yield from batch.to_pylist()


def _shown(row: Row, columns: Sequence[str]) -> dict[str, str | None]:
    """Return the first columns of a row as text, None where it is missing."""
    return {name: _text(row[name]) for name in columns[:SHOWN_COLUMNS] if name in row}


def _text(value: Any) -> str | None:
    """Return a value as people read it, shortened; None stays."""
    if value is None:
        return None
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
