"""What a package's server takes and answers, as an OpenAPI 3.1 document.

Source: https://spec.openapis.org/oas/v3.1.0, whose schemas are those of JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any

from sparring import __version__
from sparring.serving.home import meaning
from sparring.serving.manifest import PackageManifest, RawColumn
from sparring.serving.raw_rows import CSV, JSON, JSON_LINES, PARQUET
from sparring.serving.sample import FRACTIONS, WHOLE, Cell

REFUSALS = {
    "400": "The body does not parse, lacks columns, or a cell cannot be read; the answer names row and column.",
    "406": "None of the accepted types is written.",
    "413": "The body is too large.",
    "415": "The content type is not read.",
}


def openapi(manifest: PackageManifest, sample: dict[str, Cell], address: str) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    manifest : PackageManifest
    sample : dict
        A row that is answered, see :func:`~sparring.serving.sample.sample_row`.
    address : str
        Of the server, such as ``http://127.0.0.1:8080``.
    """
    contender = manifest.run.get("contender", "model")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{contender}: {manifest.label}",
            "version": __version__,
            "description": meaning(manifest),
        },
        "servers": [{"url": address}],
        "paths": {
            "/ping": {
                "get": {"summary": "Whether the server can answer", "responses": {"200": {"description": "Yes."}}}
            },
            "/invocations": {"post": _invocations(sample)},
        },
        "components": {"schemas": {"Row": _row(manifest), "Prediction": _prediction(manifest)}},
    }


def _invocations(sample: dict[str, Cell]) -> dict[str, Any]:
    rows = {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Row"}}
    instances = {"type": "object", "properties": {"instances": rows}, "required": ["instances"]}
    text, binary = {"type": "string"}, {"type": "string", "format": "binary"}
    plain = {"text/plain": {"schema": text}}
    refused = {code: {"description": words, "content": plain} for code, words in REFUSALS.items()}
    return {
        "summary": "Scores of raw rows, in their order",
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": {"oneOf": [instances, rows]}, "example": {"instances": [sample]}},
                JSON_LINES: {"schema": {**text, "description": "One row a line."}},
                CSV: {"schema": {**text, "description": "With a header that names every column."}},
                PARQUET: {"schema": binary},
            },
        },
        "responses": {"200": {"description": "A prediction a row.", "content": _answers(text, binary)}} | refused,
    }


def _answers(text: dict[str, str], binary: dict[str, str]) -> dict[str, Any]:
    predictions = {"type": "array", "items": {"$ref": "#/components/schemas/Prediction"}}
    whole = {"type": "object", "properties": {"predictions": predictions}, "required": ["predictions"]}
    return {
        JSON: {"schema": whole},
        JSON_LINES: {"schema": {**text, "description": "One prediction a line."}},
        CSV: {"schema": {**text, "description": "The scores of a row in each line, separated by commas."}},
        PARQUET: {"schema": binary},
    }


def _row(manifest: PackageManifest) -> dict[str, Any]:
    names = [column.name for column in manifest.columns]
    return {
        "type": "object",
        "required": names,
        "properties": {column.name: column_schema(column) for column in manifest.columns},
    }


def column_schema(column: RawColumn) -> dict[str, Any]:
    """Return the schema of a cell; every one may be null."""
    if column.kind in ("numeric", "cyclic"):
        low, high = column.limits
        kinds = ["boolean", "number"] if column.type == "boolean" else ["number"]
        return {"type": [*kinds, "null"], "minimum": low, "maximum": high}
    if column.kind == "timestamp" or column.type in ("date", "timestamp", "timestamp_ntz"):
        return {"type": ["string", "null"], "format": "date" if column.type == "date" else "date-time"}
    if column.type in WHOLE:
        return {"type": ["integer", "null"]}
    if column.type.startswith(FRACTIONS):
        return {"type": ["number", "null"]}
    return {"type": ["boolean" if column.type == "boolean" else "string", "null"]}


def _prediction(manifest: PackageManifest) -> dict[str, Any]:
    properties = _answered(manifest)
    return {"type": "object", "required": list(properties), "properties": properties}


def _answered(manifest: PackageManifest) -> dict[str, Any]:
    """Return the schema of each field of a prediction."""
    classes = list(manifest.target.classes)
    if not classes:
        return {"predicted": {"type": "number", "description": meaning(manifest)}}
    share = {"type": "number", "minimum": 0, "maximum": 1}
    if manifest.width == 1:
        return {"score": {**share, "description": f"Of {classes[1]!r}."}, "predicted": {"enum": classes}}
    each = {"type": "array", "items": share, "minItems": len(classes), "maxItems": len(classes)}
    return {"probabilities": {**each, "description": meaning(manifest)}, "predicted": {"enum": classes}}
