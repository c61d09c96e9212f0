"""Time as whole numbers, durations in the same unit, and the times at which a share of the rows has passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from sparring.engine import functions as F
from sparring.errors import ParamError
from sparring.model_selection.order import order_statistics

DAY = 86_400_000_000
INTEGERS = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
TIMESTAMPS = (T.TimestampType, T.TimestampNTZType, T.DateType)
TIMES = (*TIMESTAMPS, *INTEGERS)
TICK = "sparring__tick"


def ticks(column: Column, kind: T.DataType) -> Column:
    """Return a time as a long: microseconds since 1970, or the whole number that it is."""
    if isinstance(kind, T.TimestampType):
        return F.unix_micros(column)
    if isinstance(kind, T.DateType):
        return F.unix_date(column).cast("long") * DAY
    if isinstance(kind, T.TimestampNTZType):
        # A cast to timestamp would fold the hour that daylight saving skips.
        days = F.unix_date(column.cast("date")).cast("long")
        seconds = (F.hour(column) * 3_600 + F.minute(column) * 60).cast("long")
        return days * DAY + seconds * 1_000_000 + (F.date_part(F.lit("SECOND"), column) * 1_000_000).cast("long")
    return column.cast("long")


class Gap(NamedTuple):
    """What lies between train and test: rows, or a time in ticks; one of the two is 0."""

    rows: int
    ticks: int

    @staticmethod
    def of(text: str, kind: T.DataType, owner: str) -> Gap:
        """Read ``"100 rows"``, ``"7 days"`` (timestamps and dates) or ``"30"`` (whole numbers).

        Raises
        ------
        ParamError
            If it is none of these, or negative.
        """
        number, _, unit = text.strip().partition(" ")
        try:
            if unit == "rows":
                gap = Gap(int(number), 0)
            elif isinstance(kind, INTEGERS):
                gap = Gap(0, int(text))
            else:
                gap = Gap(0, pd.Timedelta(text).value // 1_000 if text.strip() != "0" else 0)
        except ValueError:
            gap = Gap(-1, -1)
        if min(gap) < 0:
            allowed = "a whole number" if isinstance(kind, INTEGERS) else "a duration such as '7 days'"
            raise ParamError(f"{owner} must be {allowed} or 'N rows', none negative, got {text!r}", "Change it.")
        return gap


def cut_times(times: DataFrame, starts: Sequence[int], gap: Gap) -> tuple[list[int], list[int]]:
    """Return where parts begin, and where the gap before each begins.

    Parameters
    ----------
    times : DataFrame
        One column of ticks, without nulls.
    starts : sequence of int
        Rank (from 1) of the first row of each part but the first.
    gap : Gap

    Returns
    -------
    cuts, gaps : list of int
        A part holds the rows from its cut on: rows of one time are never divided, they go to the later part.

    Notes
    -----
    Cost: that of :func:`~sparring.model_selection.order.order_statistics`.
    """
    early = [max(start - gap.rows, 1) for start in starts] if gap.rows else []
    wanted = sorted({*starts, *early})
    at = dict(zip(wanted, order_statistics(times, wanted), strict=True))
    cuts = [at[start] for start in starts]
    return cuts, [at[rank] for rank in early] or [cut - gap.ticks for cut in cuts]


def passed(tick: Column, cuts: Sequence[int]) -> Column:
    """Return how many of ``cuts`` are at or before a time; null for no time."""
    return F.when(tick.isNotNull(), sum(((tick >= F.lit(cut)).cast("int") for cut in cuts), F.lit(0)))
