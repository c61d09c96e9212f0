"""Writing a channel: the one place that turns rows into files in S3 for the boto3 client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparring.errors import ConfigError
from sparring.sagemaker.algorithms import LIBSVM, RECORDIO

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CSV, PARQUET = "text/csv", "application/x-parquet"
# Content type -> Spark's data source, and its options.
WRITERS: dict[str, tuple[str, dict[str, str]]] = {
    LIBSVM: ("libsvm", {}),
    RECORDIO: ("sagemaker", {}),
    CSV: ("csv", {"header": "false"}),
    PARQUET: ("parquet", {}),
}


def write_channel(
    rows: DataFrame, uri: str, content_type: str, files: int | None = None, settings: dict[str, str] | None = None
) -> None:
    """Write ``rows`` below ``uri``, their order kept.

    Parameters
    ----------
    rows : DataFrame
        For libsvm and RecordIO ``label`` double and ``features`` vector; for CSV the label first.
    uri : str
        ``s3://`` prefix.
    content_type : str
        A key of :data:`WRITERS`; parameters after a semicolon do not count.
    files : int, optional
        Most files; as many as ``rows`` has partitions by default.
    settings : dict of str to str, optional
        Hadoop's settings of the bucket.

    Raises
    ------
    ConfigError
        If nothing writes the content type.

    Notes
    -----
    RecordIO is written by the data source in ``sagemaker-pyspark``'s jar.  Cost: one pass.
    """
    kind = content_type.split(";")[0].strip()
    check_content_type(kind)
    source, options = WRITERS[kind]
    rows = rows if files is None else rows.coalesce(files)
    address = uri.replace("s3://", "s3a://", 1)
    rows.write.format(source).options(**options, **(settings or {})).mode("overwrite").save(address)


def check_content_type(kind: str) -> None:
    """Raise :class:`ConfigError` unless there is a writer for a content type."""
    if kind not in WRITERS:
        raise ConfigError(
            f"Sparring writes channels as {', '.join(WRITERS)}, not as {kind!r}",
            "Choose one of them, or write the data yourself and give its uri in sagemaker.channels.",
        )
