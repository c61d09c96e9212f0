"""List operations: filters, order and pages, the same for every kind of resource."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sparring.wire.service_model import AwsError

Record = dict[str, Any]
DEFAULT_PAGE = 10


@dataclass(frozen=True)
class Listing:
    """How one list operation answers.

    Attributes
    ----------
    answer : str
        Member that holds the summaries, such as ``TrainingJobSummaries``.
    name : str
        Member that names a resource.
    members : tuple of str
        What a summary shows, where the record has it.
    status : str
        Member that holds the status; empty if the resource has none.
    order : {"Ascending", "Descending"}
        When the request gives none.
    """

    answer: str
    name: str
    members: tuple[str, ...]
    status: str = ""
    order: str = "Descending"

    def page(self, records: Iterable[Record], request: Record) -> Record:
        """Return one page of the records that the request asks for.

        A token names the last resource of its page, so resources that come and go in between neither repeat
        nor hide others.
        """
        ordered = sorted((r for r in records if self._wanted(r, request)), key=lambda r: self._key(r, request))
        if request.get("SortOrder", self.order) == "Descending":
            ordered.reverse()
        if "NextToken" in request:
            ordered = self._after(ordered, request)
        size = request.get("MaxResults", DEFAULT_PAGE)
        shown = [{member: r[member] for member in self.members if member in r} for r in ordered[:size]]
        more = {"NextToken": _token(self._key(ordered[size - 1], request))} if len(ordered) > size else {}
        return {self.answer: shown, **more}

    def _key(self, record: Record, request: Record) -> tuple[Any, str]:
        by = {"Name": self.name, "Status": self.status}.get(request.get("SortBy", ""), "CreationTime")
        return record[by], record[self.name]

    def _wanted(self, record: Record, request: Record) -> bool:
        if request.get("NameContains", "").lower() not in record[self.name].lower():
            return False
        if self.status and request.get("StatusEquals", record[self.status]) != record[self.status]:
            return False
        return all(
            request.get(f"{time}After", float("-inf"))
            < record.get(time, 0)
            < request.get(f"{time}Before", float("inf"))
            for time in ("CreationTime", "LastModifiedTime")
        )

    def _after(self, ordered: list[Record], request: Record) -> list[Record]:
        last = _key_of(request["NextToken"])
        if request.get("SortOrder", self.order) == "Descending":
            return [record for record in ordered if self._key(record, request) < last]
        return [record for record in ordered if self._key(record, request) > last]


def _token(key: tuple[Any, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _key_of(token: str) -> tuple[Any, str]:
    try:
        by, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as error:
        raise AwsError("ValidationException", "Invalid NextToken") from error
    return by, name
