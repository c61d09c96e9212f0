"""Records of the control plane: in memory, and one JSON file each, so that a restart finds them again."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sparring.wire.service_model import AwsError
from sparring_local_sagemaker.clients import ACCOUNT
from sparring_local_sagemaker.durable import flush_folder, read_json, remove_partial, write_whole
from sparring_local_sagemaker.secret import REGION

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
        remove_partial(folder)
        self._records: dict[str, Record] = {}
        for path in sorted(folder.glob("*.json")):
            self._records[path.stem] = read_json(path)

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

    def put(self, name: str, record: Record, sure: bool = False) -> Record:
        """Keep a record, on disk and then in memory.

        Parameters
        ----------
        name : str
        record : dict
        sure : bool
            Keep it in memory even if the disk does not take it: for an end that must be told, and that a restart
            finds by itself.

        Raises
        ------
        AwsError
            ``InternalFailure`` if it could not be written; then the record before stands, in memory and on disk.
        """
        try:
            write_whole(self.folder / f"{name}.json", json.dumps(record).encode())
        except OSError as error:
            if not sure:
                raise _unwritten(f"{self.kind} {name}", error) from error
            print(f"{self.kind} {name} is kept in memory only: {error}", file=sys.stderr)
        self._records[name] = record
        return record

    def delete(self, name: str) -> None:
        """Forget a record, or raise as AWS does if there is none."""
        self.found(name)
        (self.folder / f"{name}.json").unlink(missing_ok=True)
        flush_folder(self.folder)
        del self._records[name]


def _unwritten(what: str, error: OSError) -> AwsError:
    return AwsError(
        "InternalFailure",
        f"InternalServerError: {what} could not be written to the state folder: {error.strerror or error}",
        500,
    )


class Tags:
    """Tags by the ARN of their resource; at most 50 each."""

    LIMIT = 50

    def __init__(self, folder: Path) -> None:
        remove_partial(folder)
        self._path = folder / "tags.json"
        self._tags: dict[str, dict[str, str]] = read_json(self._path) if self._path.exists() else {}
        self._lock = threading.RLock()

    def add(self, resource: str, tags: list[dict[str, str]]) -> None:
        """Add or replace tags.

        Raises
        ------
        AwsError
            ``ResourceLimitExceeded`` beyond 50 tags; ``InternalFailure`` if they could not be written.
        """
        with self._lock:
            self._set(resource, self._tags.get(resource, {}) | _by_key(tags))

    @contextmanager
    def of_new(self, resource: str, tags: list[dict[str, str]]) -> Iterator[None]:
        """Give tags to a resource that the body creates; it has none if the body fails."""
        with self._lock:
            self._set(resource, _by_key(tags))
        try:
            yield
        except BaseException:
            with suppress(AwsError):
                self.remove(resource)
            raise

    def of(self, resource: str) -> list[dict[str, str]]:
        """Return the tags of a resource, by key."""
        return [{"Key": key, "Value": value} for key, value in sorted(self._tags.get(resource, {}).items())]

    def remove(self, resource: str, keys: list[str] | None = None) -> None:
        """Remove the tags with these keys; all of them when None."""
        with self._lock:
            known = self._tags.get(resource, {})
            self._set(resource, {} if keys is None else {k: v for k, v in known.items() if k not in keys})

    def _set(self, resource: str, tags: dict[str, str]) -> None:
        """Make these the tags of a resource, on disk and then in memory."""
        if len(tags) > self.LIMIT:
            raise AwsError("ResourceLimitExceeded", f"Too many tags: {len(tags)} for {resource}, limit {self.LIMIT}")
        if tags == self._tags.get(resource, {}):
            return
        fresh = {name: found for name, found in {**self._tags, resource: tags}.items() if found}
        try:
            write_whole(self._path, json.dumps(fresh).encode())
        except OSError as error:
            raise _unwritten(f"the tags of {resource}", error) from error
        self._tags = fresh


def _by_key(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}
