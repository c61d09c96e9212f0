"""InputFilter, JoinSource and OutputFilter of batch transform, on CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.runtime.jsonpath import JsonPath
from sparring_local_sagemaker.state import Record

JSON_KINDS = ("application/json", "application/jsonlines")
OUTPUT = "SageMakerOutput"
INPUT = "SageMakerInput"


@dataclass(frozen=True)
class Processing:
    """What happens to records before and after the container.

    Attributes
    ----------
    input_filter, output_filter : JsonPath
    join : bool
        Whether an output is joined to its input.
    kind : str
        Content type of the input.
    """

    input_filter: JsonPath
    output_filter: JsonPath
    join: bool
    kind: str

    @classmethod
    def of(cls, request: Record) -> Processing:
        """Return the processing that a CreateTransformJob request asks for.

        Raises
        ------
        AwsError
            ``ValidationException`` if a filter is malformed or the content type cannot be filtered.
        """
        asked = request.get("DataProcessing", {})
        kind = request["TransformInput"].get("ContentType", "").split(";")[0].strip().lower()
        made = cls(
            JsonPath(asked.get("InputFilter", "$")),
            JsonPath(asked.get("OutputFilter", "$")),
            asked.get("JoinSource", "None") == "Input",
            kind,
        )
        if made.active and kind not in ("text/csv", *JSON_KINDS):
            raise AwsError(
                "ValidationException",
                f"DataProcessing takes text/csv, {' or '.join(JSON_KINDS)}, not {kind or 'no ContentType'}",
            )
        if made.active and kind != "application/json" and request["TransformInput"].get("SplitType") != "Line":
            raise AwsError("ValidationException", f"DataProcessing of {kind} needs SplitType Line")
        return made

    @property
    def active(self) -> bool:
        """Whether records are looked into at all."""
        return self.join or not self.input_filter.takes_all or not self.output_filter.takes_all

    def before(self, record: bytes) -> bytes:
        """Return what of a record goes to the container."""
        if self.input_filter.takes_all:
            return record
        return self._packed(self.input_filter(self._parsed(record, self.kind)), self.kind)

    def after(self, records: list[bytes], output: bytes, kind: str) -> list[bytes]:
        """Return what is written for the records of one mini-batch.

        Raises
        ------
        ValueError
            If the container did not answer one output a record.
        """
        kind = kind.split(";")[0].strip().lower()
        outputs = [output] if len(records) == 1 else output.strip().split(b"\n")
        if len(outputs) != len(records):
            raise ValueError(f"ClientError: {len(records)} records were sent and {len(outputs)} came back")
        return [self._one(record, answer.strip(), kind) for record, answer in zip(records, outputs, strict=True)]

    def _one(self, record: bytes, answer: bytes, kind: str) -> bytes:
        value = self._parsed(answer, kind)
        if self.join:
            value, kind = self._joined(self._parsed(record, self.kind), value), self.kind
        return self._packed(self.output_filter(value), kind)

    def _joined(self, given: Any, answer: Any) -> Any:
        if self.kind == "text/csv":
            return [*given, *(answer if isinstance(answer, list) else [answer])]
        return {**given, OUTPUT: answer} if isinstance(given, dict) else {INPUT: given, OUTPUT: answer}

    @staticmethod
    def _parsed(record: bytes, kind: str) -> Any:
        try:
            if kind in JSON_KINDS:
                return json.loads(record)
            return next(csv.reader([record.decode()]))
        except (ValueError, StopIteration) as error:
            raise ValueError(f"ClientError: a record is not {kind}: {record[:100]!r}") from error

    @staticmethod
    def _packed(value: Any, kind: str) -> bytes:
        if kind in JSON_KINDS:
            return json.dumps(value).encode()
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(value if isinstance(value, list) else [value])
        return text.getvalue().encode()
