"""``pyspark.sql.functions``, as far as the data half uses them, for both engines.

``from sparring.engine import functions as F`` in place of pyspark's own: a call makes an
:class:`~sparring.engine.expression.Expression` and asks no JVM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column
    from pyspark.sql.functions import *  # noqa: F403

    def hash128(*words: Column) -> Column:
        """Return the 128-bit hash of atomic columns, 32 hexadecimal digits; nulls among them are skipped."""

    def nfc(column: Column) -> Column:
        """Return text in Unicode normalisation form C."""

    def number_text(column: Column) -> Column:
        """Return a float or double as text by its shortest digits, see :func:`sparring.engine.own.shortest`."""


KNOWN = frozenset(
    [
        "abs",
        "any_value",
        "approx_count_distinct",
        "array",
        "array_distinct",
        "array_max",
        "array_position",
        "array_sort",
        "array_union",
        "avg",
        "bin",
        "call_function",
        "ceil",
        "coalesce",
        "col",
        "collect_list",
        "collect_set",
        "concat",
        "concat_ws",
        "conv",
        "count",
        "countDistinct",
        "date_from_unix_date",
        "date_part",
        "desc",
        "div",
        "explode",
        "filter",
        "floor",
        "format_number",
        "from_json",
        "get",
        "greatest",
        "hash128",
        "hex",
        "hour",
        "inline",
        "input_file_block_start",
        "input_file_name",
        "least",
        "length",
        "lit",
        "lower",
        "lpad",
        "map_entries",
        "max",
        "md5",
        "min",
        "minute",
        "monotonically_increasing_id",
        "nanvl",
        "nfc",
        "number_text",
        "percentile",
        "pmod",
        "regexp_replace",
        "round",
        "row_number",
        "shiftright",
        "shiftrightunsigned",
        "size",
        "sort_array",
        "struct",
        "substring",
        "sum",
        "timestamp_micros",
        "timestamp_seconds",
        "to_date",
        "to_json",
        "to_timestamp",
        "transform",
        "translate",
        "trim",
        "unix_date",
        "unix_micros",
        "when",
        "xxhash64",
        "year",
    ]
)


def broadcast(frame: Any) -> Any:  # type: ignore[no-redef]
    """Return a frame that each task of a cluster is to have whole; one machine has it so."""
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as of_spark

    return of_spark.broadcast(frame) if isinstance(frame, DataFrame) else frame


def __getattr__(name: str) -> Any:
    from sparring.engine.expression import Expression

    if name not in KNOWN:
        raise AttributeError(f"The data half uses no function {name!r}: add it to both engines first")

    def call(*arguments: Any, **keywords: Any) -> Expression:
        return Expression(name, arguments, keywords)

    call.__name__ = name
    return call
