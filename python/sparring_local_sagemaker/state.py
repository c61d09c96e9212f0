"""Records of the control plane: in memory, and one JSON file each, so that a restart finds them again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.storage import ACCOUNT, REGION

Record = dict[str, Any]


def arn(kind: str, name: str) -> str:
    """Return the ARN of a resource.

    Examples
    --------
    >>> arn("model", "M")
    'arn:aws:sagemaker:us-east-1:123456789012:model/m'
    """
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:{kind}/{name.lower()}"


# A kind as AWS's messages word it, where that is not how its ARN does.
WORDS = {"endpoint-config": "endpoint configuration", "training-job": "training job", "transform-job": "transform job"}


class Store:
    """The records of one kind of resource, by name.

    A file is replaced as a whole, so a server that is killed leaves either the old record or the new one.

    Parameters
    ----------
    kind : str
        As it stands in the resource's ARN, such as ``training-job``.
    folder : Path
        Of the JSON files; read at once.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.words, self.folder = kind, WORDS.get(kind, kind), folder
        folder.mkdir(parents=True, exist_ok=True)
        self._records: dict[str, Record] = {}
        for path in sorted(folder.glob("*.json")):
            self._records[path.stem] = json.loads(path.read_text())

    def __contains__(self, name: str) -> bool:
        return name in self._records

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records.values()))

    def names(self) -> list[str]:
        """Return the names of all records."""
        return list(self._records)

    def arn(self, name: str) -> str:
        """Return the ARN of the resource of that name, whether it exists or not."""
        return arn(self.kind, name)

    def found(self, name: str) -> Record:
        """Return a record, or raise as AWS does."""
        if name not in self._records:
            raise AwsError("ValidationException", f'Could not find {self.words} "{self.arn(name)}".')
        return self._records[name]

    def refuse_twice(self, name: str) -> None:
        """Raise as AWS does if there is a resource of that name already."""
        if name in self._records:
            raise AwsError("ValidationException", f'Cannot create already existing {self.words} "{self.arn(name)}".')

    def put(self, name: str, record: Record) -> Record:
        """Keep a record, in memory and on disk."""
        self._records[name] = record
        path = self.folder / f"{name}.json"
        partial = path.with_suffix(f".{os.getpid()}-{id(record)}.partial")
        partial.write_text(json.dumps(record))
        partial.replace(path)
        return record

    def delete(self, name: str) -> None:
        """Forget a record, or raise as AWS does if there is none."""
        self.found(name)
        del self._records[name]
        (self.folder / f"{name}.json").unlink(missing_ok=True)


class Tags:
    """Tags by the ARN of their resource; at most 50 each."""

    LIMIT = 50

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tags.json"
        self._tags: dict[str, dict[str, str]] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def add(self, resource: str, tags: list[dict[str, str]]) -> None:
        """Add or replace tags.

        Raises
        ------
        AwsError
            ``ResourceLimitExceeded`` beyond 50 tags.
        """
        merged = self._tags.get(resource, {}) | {tag["Key"]: tag["Value"] for tag in tags}
        if len(merged) > self.LIMIT:
            raise AwsError("ResourceLimitExceeded", f"Too many tags: {len(merged)} for {resource}, limit {self.LIMIT}")
        if tags:
            self._tags[resource] = merged
            self._save()

    def of(self, resource: str) -> list[dict[str, str]]:
        """Return the tags of a resource, by key."""
        return [{"Key": key, "Value": value} for key, value in sorted(self._tags.get(resource, {}).items())]

    def remove(self, resource: str, keys: list[str] | None = None) -> None:
        """Remove the tags with these keys; all of them when None."""
        kept = {} if keys is None else {k: v for k, v in self._tags.get(resource, {}).items() if k not in keys}
        if self._tags.pop(resource, None) is not None:
            if kept:
                self._tags[resource] = kept
            self._save()

    def _save(self) -> None:
        partial = self._path.with_suffix(".partial")
        partial.write_text(json.dumps(self._tags))
        partial.replace(self._path)
