"""A training program's view of its channels and hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparring.container import TrainingEnvironment
from sparring.container.hosts import host_addresses
from sparring.wire import FormatError, Rows, codec, label_size
from sparring.wire.media import UnknownContentType, media_type
from sparring.wire.rows import concatenate
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError


@dataclass(frozen=True)
class Hosts:
    """The hosts of a job.

    Attributes
    ----------
    current : str
    names : list of str
        Sorted; the first one leads.
    addresses : dict of str to str
        Host -> IP address; a host without one is found by its name.
    """

    current: str
    names: list[str]
    addresses: dict[str, str]

    @classmethod
    def read(cls, base: Path) -> Hosts:
        """Return what ``resourceconfig.json`` says; without one there is a single host."""
        file = base / "input" / "config" / "resourceconfig.json"
        alone = {"current_host": "algo-1", "hosts": ["algo-1"]}
        config: dict[str, Any] = json.loads(file.read_text()) if file.exists() else alone
        return cls(config["current_host"], sorted(config["hosts"]), host_addresses())

    @property
    def leads(self) -> bool:
        """Whether this is the host that writes the model."""
        return self.current == self.names[0]

    @property
    def leader_address(self) -> str:
        """Address of the first host."""
        return self.addresses.get(self.names[0], self.names[0])


def read_channel(
    environment: TrainingEnvironment,
    channel: str,
    allowed: tuple[str, ...],
    *,
    labels: int,
    weights: bool = False,
    may_be_empty: bool = False,
) -> Rows | None:
    """Return the rows of a channel, in the order of its files' names.

    Parameters
    ----------
    environment : TrainingEnvironment
    channel : str
    allowed : tuple of str
        Content types that the algorithm trains on; the first one is meant when the channel says none.
    labels : int
        Labels in front of a CSV or Parquet row where ``label_size`` does not say otherwise.
    weights : bool
        Whether a weight follows the label there.
    may_be_empty : bool
        Return None, instead of raising, when there is no row.

    Returns
    -------
    Rows or None
        None if there is no such channel.

    Raises
    ------
    ClientError
        If the channel has no row or another content type, or a file is not of it.
    """
    if channel not in environment.channels:
        return None
    content_type = environment.channels[channel].get("ContentType") or allowed[0]
    if media_type(content_type) not in allowed:
        raise ClientError(f"content type {content_type!r} of channel {channel} is none of {', '.join(allowed)}")
    # Spark leaves empty files and a success marker.
    files = [
        file for file in environment.files(channel) if file.stat().st_size and not file.name.startswith(("_", "."))
    ]
    parts = [_rows(file, channel, content_type, labels, weights) for file in files]
    parts = [part for part in parts if part.count]
    if not parts:
        if may_be_empty:
            return None
        raise ClientError(f"the {channel} channel has no row (No data in {channel} channel path)")
    try:
        return concatenate(parts)
    except FormatError as error:
        raise ClientError(f"the files of channel {channel} do not fit together: {error}") from error


def _rows(file: Path, channel: str, content_type: str, labels: int, weights: bool) -> Rows:
    try:
        return codec(content_type).decode(file.read_bytes(), label_size(content_type, labels), weights)
    except (FormatError, UnknownContentType) as error:
        raise ClientError(f"file {file.name} of channel {channel} is not {content_type}: {error}") from error


def channel_of_width(rows: Rows, width: int, channel: str) -> Rows:
    """Return a channel's rows with exactly ``width`` features.

    Raises
    ------
    ClientError
        If they cannot have as many.
    """
    try:
        return require_width(rows, width, f"channel {channel}")
    except FormatError as error:
        raise ClientError(str(error)) from error


def require_width(rows: Rows, width: int, what: str) -> Rows:
    """Return rows of exactly ``width`` features; a sparse file may end before the last one.

    Raises
    ------
    FormatError
        If there are more, or dense ones with less.
    """
    if rows.width == width:
        return rows
    if rows.sparse and rows.width < width:
        matrix = rows.features.copy()
        matrix.resize(rows.count, width)
        return replace(rows, features=matrix)
    raise FormatError(f"{what} has {rows.width} features, expected are {width} features")
