"""Reading a user's table with Spark, and saying clearly why it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.config.schema import TableConfig
from sparring.data import storage
from sparring.data.builtin import read_flights
from sparring.errors import TableError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

CORRUPT = "_corrupt_record"
ENDINGS = {
    "parquet": (".parquet", ".pq"),
    "csv": (".csv", ".csv.gz", ".tsv", ".txt"),
    "json": (".json", ".jsonl", ".json.gz"),
}


def read_table(spark: SparkSession, table: TableConfig) -> DataFrame:
    """Return the table as Spark sees it; lines that do not parse are kept in ``_corrupt_record``.

    Raises
    ------
    TableError
        If the path is absent, unreadable, of unknown format or without a column.
    """
    if table.builtin is not None:
        return read_flights(spark)
    return read_path(spark, table.path or "", table.format, table.options)


def read_path(spark: SparkSession, path: str, form: str = "auto", options: dict[str, str] | None = None) -> DataFrame:
    """Return the table at ``path``; as :func:`read_table`."""
    form = guess_format(path) if form == "auto" else form
    try:
        frame = _read(spark, storage.normalize(path), form, options or {})
    except Exception as error:
        raise TableError(
            f"table.path {path!r} cannot be read as {form}: {first_line(error)}",
            "Check the path, your rights to it and table.format.",
        ) from error
    if not frame.columns:
        raise TableError(f"table.path {path!r} has no column", "Give a table with a header and rows.")
    return frame


def guess_format(path: str) -> str:
    """Return the format that the ending of ``path`` means; a folder without one is taken for Parquet.

    Raises
    ------
    TableError
        If the ending is not known.

    Examples
    --------
    >>> guess_format("s3a://bucket/table.csv.gz")
    'csv'
    >>> guess_format("warehouse/flights")
    'parquet'
    """
    lowered = path.rstrip("/").lower()
    for form, endings in ENDINGS.items():
        if lowered.endswith(endings):
            return form
    if "." not in lowered.rsplit("/", 1)[-1]:
        return "parquet"
    known = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
    raise TableError(f"table.path {path!r} ends in none of {known}", "Set table.format to parquet, csv or json.")


def _read(spark: SparkSession, path: str, form: str, options: dict[str, str]) -> DataFrame:
    if form == "csv":
        options = {"header": "true", "inferSchema": "true", **options}
        inferred = spark.read.options(**options).csv(path).schema
        # Only with an explicit schema does Spark keep the lines that do not fit it.
        schema = type(inferred)(inferred.fields).add(CORRUPT, "string")
        return spark.read.options(**{**options, "inferSchema": "false"}).csv(path, schema=schema)
    reader = spark.read.options(**options)
    return reader.json(path) if form == "json" else reader.parquet(path)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message without Java's stack."""
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
