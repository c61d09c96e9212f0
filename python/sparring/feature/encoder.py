"""The fitted encoding, free of Spark: raw columns of an Arrow batch in, feature cells out.

Spark runs it batch by batch; a server runs it on a request.  Both get the same float32 values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.data.numbers import LARGEST
from sparring.io.cells import Cells

MISSING, UNSEEN = "missing", "unseen"
# Name of the cycle -> (its period, the Arrow function that takes it out of a time).
CALENDAR = {"month": (12, pc.month), "weekday": (7, pc.day_of_week), "hour": (24, pc.hour)}


@dataclass(frozen=True)
class NumericState:
    """A fitted number: ``(value or fill - shift) / scale``, and whether missing has a column of its own."""

    name: str
    fill: float
    shift: float
    scale: float
    indicator: bool


@dataclass(frozen=True)
class CyclicState:
    """A number on a circle: sine and cosine of ``2 pi value / period``; both 0 when it is missing."""

    name: str
    period: float


@dataclass(frozen=True)
class CategoricalState:
    """A fitted category: the values that have a column, commonest first; two more are 'unseen' and 'missing'."""

    name: str
    values: list[str]


@dataclass(frozen=True)
class EncoderState:
    """Everything that was learnt from train; plain values, saved as JSON.

    Attributes
    ----------
    numeric : list of NumericState
    cyclic : list of CyclicState
    timestamp : list of NumericState
        The year of each time, as a number; its cycles need no fitting.
    categorical : list of CategoricalState
    """

    numeric: list[NumericState] = field(default_factory=list)
    cyclic: list[CyclicState] = field(default_factory=list)
    timestamp: list[NumericState] = field(default_factory=list)
    categorical: list[CategoricalState] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the state as JSON."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EncoderState:
        """Return the state that :meth:`to_json` wrote."""
        value: dict[str, list[dict[str, Any]]] = json.loads(text)
        return cls(
            [NumericState(**state) for state in value["numeric"]],
            [CyclicState(**state) for state in value["cyclic"]],
            [NumericState(**state) for state in value["timestamp"]],
            [CategoricalState(**state) for state in value["categorical"]],
        )


class Encoder:
    """Turns raw columns into features.

    Parameters
    ----------
    state : EncoderState
        What was learnt from train.

    Attributes
    ----------
    names : list of str
        Of the features.
    limits : dict of str to (float, float)
        Numeric or cyclic column -> the least and the greatest number that float32 holds once it is scaled.

    Examples
    --------
    >>> import pyarrow as pa
    >>> state = EncoderState(categorical=[CategoricalState("origin", ["EWR", "JFK"])])
    >>> encoder = Encoder(state)
    >>> encoder.names
    ['origin=EWR', 'origin=JFK', 'origin=unseen', 'origin=missing']
    >>> encoder.encode(pa.RecordBatch.from_pydict({"origin": ["JFK", None, "LGA"]})).indices.tolist()
    [1, 3, 2]
    """

    def __init__(self, state: EncoderState) -> None:
        self.state = state
        self.names = _names(state)
        self.size = len(self.names)
        numbers = [number.name for number in state.numeric]
        cycles = [cycle.name for cycle in state.cyclic]
        timestamps = [moment.name for moment in state.timestamp]
        self.columns = [*numbers, *cycles, *timestamps, *(category.name for category in state.categorical)]
        self.limits = {number.name: _limits(number) for number in state.numeric}
        self.limits |= {cycle.name: (-LARGEST, LARGEST) for cycle in state.cyclic}
        self._vocabularies = [pa.array(s.values, pa.string()) for s in state.categorical]

    def outside(self, batch: pa.RecordBatch) -> dict[str, np.ndarray]:
        """Return which rows hold a number that no feature can: column -> mask, for the columns that have any."""
        masks = {}
        for name, (low, high) in self.limits.items():
            values = _floats(batch.column(name))
            masks[name] = (values < low) | (values > high)
        return {name: mask for name, mask in masks.items() if mask.any()}

    def encode(self, batch: pa.RecordBatch, texts: Mapping[str, pa.Array] | None = None) -> Cells:
        """Return the features of ``batch`` as cells without zeros, in rising order of column within a row.

        Parameters
        ----------
        batch : RecordBatch
            Holds the raw columns: numbers, times and text of any width; nulls and NaN are missing.
        texts : mapping of str to Array, optional
            Categories that are no text in ``batch``, as Spark writes their values.
        """
        block = self._numbers(batch)
        width = block.shape[1]
        codes = self._codes(batch, texts or {})
        columns = np.broadcast_to(np.arange(width, dtype=np.int32), block.shape)
        values = np.concatenate([block, np.ones(codes.shape, dtype=np.float32)], axis=1)
        indices = np.concatenate([columns, codes], axis=1)
        stored = values != 0
        offsets = np.concatenate([[0], np.cumsum(stored.sum(axis=1))])
        return Cells(offsets, indices[stored], values[stored])

    def dense(self, batch: pa.RecordBatch, texts: Mapping[str, pa.Array] | None = None) -> np.ndarray:
        """Return the features of ``batch`` as a float32 array of shape (rows, size)."""
        cells = self.encode(batch, texts)
        out = np.zeros((batch.num_rows, self.size), dtype=np.float32)
        out[np.repeat(np.arange(batch.num_rows), np.diff(cells.offsets)), cells.indices] = cells.values
        return out

    def _numbers(self, batch: pa.RecordBatch) -> np.ndarray:
        """Return the columns that are not one-hot, shape (rows, width), float32."""
        parts: list[np.ndarray] = []
        for number in self.state.numeric:
            parts += _scaled(_floats(batch.column(number.name)), number)
        for cycle in self.state.cyclic:
            parts += _circle(_floats(batch.column(cycle.name)), cycle.period)
        for year in self.state.timestamp:
            moment = batch.column(year.name)
            parts += _scaled(_floats(pc.year(moment)), year)
            for period, take in CALENDAR.values():
                parts += _circle(_floats(take(moment)), period)
        if not parts:
            return np.zeros((batch.num_rows, 0), dtype=np.float32)
        return np.stack(parts, axis=1).astype(np.float32)

    def _codes(self, batch: pa.RecordBatch, texts: Mapping[str, pa.Array]) -> np.ndarray:
        """Return for each category the column of its one 1, shape (rows, categories), int32."""
        start = self.size - sum(len(s.values) + 2 for s in self.state.categorical)
        codes = np.empty((batch.num_rows, len(self._vocabularies)), dtype=np.int32)
        for at, (state, known) in enumerate(zip(self.state.categorical, self._vocabularies, strict=True)):
            column = (texts[state.name] if state.name in texts else batch.column(state.name)).cast(pa.string())
            found = pc.fill_null(pc.index_in(column, value_set=known), len(known))
            code = pc.if_else(pc.is_null(column), len(known) + 1, found)
            codes[:, at] = start + code.to_numpy(zero_copy_only=False)
            start += len(known) + 2
        return codes


def _limits(number: NumericState) -> tuple[float, float]:
    room = LARGEST * number.scale
    return max(-LARGEST, number.shift - room), min(LARGEST, number.shift + room)


def _names(state: EncoderState) -> list[str]:
    names: list[str] = []
    for number in state.numeric:
        names += _numeric_names(number, number.name)
    for cycle in state.cyclic:
        names += [f"{cycle.name}:sin", f"{cycle.name}:cos"]
    for year in state.timestamp:
        names += _numeric_names(year, f"{year.name}:year")
        names += [f"{year.name}:{part}:{wave}" for part in CALENDAR for wave in ("sin", "cos")]
    for category in state.categorical:
        names += [f"{category.name}={value}" for value in (*category.values, UNSEEN, MISSING)]
    return names


def _numeric_names(number: NumericState, name: str) -> list[str]:
    return [name, f"{name}={MISSING}"] if number.indicator else [name]


def _floats(column: pa.Array) -> np.ndarray:
    """Return float64 with NaN for null."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _scaled(values: np.ndarray, number: NumericState) -> list[np.ndarray]:
    missing = np.isnan(values)
    scaled = (np.where(missing, number.fill, values) - number.shift) / number.scale
    return [scaled, missing.astype(np.float64)] if number.indicator else [scaled]


def _circle(values: np.ndarray, period: float) -> list[np.ndarray]:
    angle = 2 * np.pi * values / period
    return [np.nan_to_num(np.sin(angle)), np.nan_to_num(np.cos(angle))]
