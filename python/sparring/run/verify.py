"""The data half once more on the other engine, and every table and figure of it compared."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from sparring.config.schema import RunConfig
from sparring.data.contract import KEY
from sparring.errors import ConfigError
from sparring.io import storage
from sparring.one_machine.choice import ONE_MACHINE, SPARK
from sparring.run.manifest import VERIFIED, Manifest, require_run
from sparring.run.pipeline import Run
from sparring.run.progress import Progress

FOLDER = "verify"
# What is of the clock, not of the rows.
TIMES = ("seconds",)


@dataclass(frozen=True)
class Compared:
    """A stage as both engines left it.

    Attributes
    ----------
    stage : str
    rows, columns : int
        Compared, of all of its tables.
    differences : list of str
        What is not the same; empty where all is.
    seconds : dict of str to float
        Engine -> how long the stage took.
    """

    stage: str
    rows: int
    columns: int
    differences: list[str]
    seconds: dict[str, float]


def verify(folder: str, progress: Progress | None = None) -> dict[str, Any]:
    """Run the data half of the run in ``folder`` on the other engine and compare all that both have left.

    Parameters
    ----------
    folder : str
        Of a run whose data half is done.
    progress : Progress, optional

    Returns
    -------
    dict
        ``engines``: the run's own and the other; ``stages``: each a :class:`Compared`; ``same``: whether all is.
        The same is left as ``verify.json`` in the folder; the other engine's files are deleted.

    Raises
    ------
    ConfigError
        If there is no run, or its engine is not known.

    Notes
    -----
    Cost: the data half once more, and a pass over both engines' files in this process's memory.
    """
    folder = storage.normalize(folder)
    require_run(folder, finished=False)
    own = Manifest(folder)
    engine = own.engine
    if engine is None:
        raise ConfigError(f"{folder}: the run does not tell its engine", "Run it again with this version.")
    other = SPARK if engine == ONE_MACHINE else ONE_MACHINE
    config = RunConfig.model_validate({**own.config, "engine": other})
    scratch = storage.join(folder, FOLDER)
    storage.delete(scratch)
    done = [stage for stage, about in own.stages.items() if about["status"] == "done"]
    try:
        data = [stage.name for stage in Run.stages if stage.name in done]
        if not data:
            raise ConfigError(f"{folder}: no stage of the data half is done", "Run it first.")
        Run(config, scratch, progress, until=data[-1]).execute()
        theirs = Manifest(scratch)
        stages = [_compared(name, own, theirs, folder, scratch, (engine, other)) for name in data]
    finally:
        storage.delete(scratch)
    same = not any(stage.differences for stage in stages)
    facts = {
        "engines": [engine, other],
        "same": same,
        "stages": [asdict(stage) for stage in stages],
        # Of what was compared: a stage that is done anew is another one.
        "cache_keys": {name: own.cache_key(name) for name in data},
    }
    storage.write_json(storage.join(folder, VERIFIED), facts)
    return facts


def _compared(
    stage: str, own: Manifest, theirs: Manifest, folder: str, scratch: str, engines: tuple[str, str]
) -> Compared:
    ours, others = (storage.join(place, stage) for place in (folder, scratch))
    tables = _table_folders(ours)
    differences = [f"only one engine left {name}" for name in sorted(tables ^ _table_folders(others))]
    rows = columns = 0
    for name in sorted(tables & _table_folders(others)):
        one, two = (_read(storage.join(place, name) if name else place) for place in (ours, others))
        rows, columns = rows + one.num_rows, columns + one.num_columns
        differences += [f"{name or stage}: {what}" for what in differing(one, two)]
    differences += [f"report: {what}" for what in _unlike(own.report(stage), theirs.report(stage))]
    seconds = {
        engine: round(float(manifest.stages[stage]["seconds"]), 3)
        for engine, manifest in zip(engines, (own, theirs), strict=True)
    }
    return Compared(stage, rows, columns, differences, seconds)


def _table_folders(folder: str) -> set[str]:
    """Return the folders of Parquet files below a folder, by their names in it."""
    system, inner = storage.filesystem(folder)
    if not storage.exists(folder):
        return set()
    found = system.get_file_info(fs.FileSelector(inner, recursive=True))
    base = inner.rstrip("/")
    files = [file.path.removeprefix(base).strip("/") for file in found if file.path.endswith(".parquet")]
    return {name.rpartition("/")[0] for name in files}


def _read(folder: str) -> pa.Table:
    system, inner = storage.filesystem(folder)
    table: pa.Table = ds.dataset(inner, filesystem=system, format="parquet", partitioning=None).to_table()
    return table


def differing(one: pa.Table, two: pa.Table) -> list[str]:
    """Return what two tables do not have alike, whatever the order of their rows.

    Examples
    --------
    >>> differing(pa.table({"key": ["a", "b"], "x": [1, 2]}), pa.table({"key": ["b", "a"], "x": [2, 3]}))
    ["column 'x'"]
    """
    if one.column_names != two.column_names:
        return [f"columns {', '.join(one.column_names)} and {', '.join(two.column_names)}"]
    if one.num_rows != two.num_rows:
        return [f"{one.num_rows:,} and {two.num_rows:,} rows"]
    keys = [name for name in (KEY, "key") if name in one.column_names]
    found = []
    for name in one.column_names:
        mine, yours = (_digests(table, [*keys, name]) for table in (one, two))
        if not np.array_equal(mine, yours):
            found.append(f"column {name!r}")
    return found


def _digests(table: pa.Table, names: list[str]) -> np.ndarray:
    """Return a hash of these columns' values for each row, sorted: 64 bits of the values, not of their text."""
    from sparring.one_machine.arrow_types import as_spark
    from sparring.one_machine.frame import in_one
    from sparring.one_machine.nested import json_text
    from sparring.one_machine.xxhash64 import xxhash64

    words: list[Any] = []
    for name in names:
        column = as_spark(in_one(table.column(name)))
        words += [column.is_null(), json_text(column, keep_nulls=True) if pa.types.is_nested(column.type) else column]
    digests: np.ndarray = xxhash64(words, table.num_rows).to_numpy()
    return np.sort(digests)


def _unlike(one: Any, two: Any, at: str = "") -> list[str]:
    """Return where two reports are not the same."""
    if isinstance(one, dict) and isinstance(two, dict):
        names = sorted({*one, *two} - {*TIMES})
        return [line for name in names for line in _unlike(one.get(name), two.get(name), f"{at}.{name}".strip("."))]
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        pairs = enumerate(zip(one, two, strict=True))
        return [line for number, (mine, yours) in pairs for line in _unlike(mine, yours, f"{at}[{number}]")]
    same = one == two or (one != one and two != two)
    return [] if same else [f"{at} is {one!r} and {two!r}"]
