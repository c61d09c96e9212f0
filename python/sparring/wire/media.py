"""Content types: their names in SageMaker, other names of the same, and their parameters."""

from __future__ import annotations

RECORDIO = "application/x-recordio-protobuf"
LIBSVM = "text/libsvm"
CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
PARQUET = "application/x-parquet"
ALIASES = {
    "text/x-libsvm": LIBSVM,
    "libsvm": LIBSVM,
    "csv": CSV,
    "application/json-lines": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "parquet": PARQUET,
    "recordio-protobuf": RECORDIO,
}


class UnknownContentType(ValueError):
    """Raised for a content type that nothing here reads or writes."""


def media_type(content_type: str) -> str:
    """Return a content type without parameters, under its name in SageMaker.

    Examples
    --------
    >>> media_type("text/x-libsvm; charset=utf-8")
    'text/libsvm'
    """
    name = content_type.split(";")[0].strip().lower()
    return ALIASES.get(name, name)


def label_size(content_type: str, default: int) -> int:
    """Return how many of the first columns are labels: the parameter ``label_size``.

    Raises
    ------
    UnknownContentType
        If it is neither 0 nor 1.

    Examples
    --------
    >>> label_size("text/csv;label_size=0", 1)
    0
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "label_size":
            if value.strip() not in ("0", "1"):
                raise UnknownContentType(f"label_size must be 0 or 1, got {value.strip()!r}")
            return int(value)
    return default
