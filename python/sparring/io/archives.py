"""Archives of unknown origin: unpacked into a folder that nothing leads out of, and only as far as limits allow."""

from __future__ import annotations

import os
import tarfile as standard
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, NamedTuple

__all__ = ["ArchiveError", "Limits", "tarfile", "unpack"]

# The filter came with Python 3.12, 3.11.4 and 3.10.12; Debian 12 has 3.11.2.
if TYPE_CHECKING or hasattr(standard, "data_filter"):
    tarfile = standard
else:
    from backports import tarfile

MEBIBYTE = 2**20
Mode = Literal["r:*", "r:gz"]


class ArchiveError(ValueError):
    """Raised for an archive that is none, leads out of its folder, or unpacks to more than is allowed."""


class Limits(NamedTuple):
    """What an archive may unpack to.

    Attributes
    ----------
    size : int
        Bytes of all members together.
    members : int
    ratio : int
        Unpacked bytes for each byte of the archive; looked at beyond 64 MiB, for small files of one letter are common.
        gzip reaches about 1,000.
    depth : int
        Folders in a member's path.
    """

    size: int = 32 * 1_024 * MEBIBYTE
    members: int = 100_000
    ratio: int = 500
    depth: int = 64


def unpack(archive: IO[bytes], folder: Path, limits: Limits | None = None, mode: Mode = "r:*") -> None:
    """Unpack a tar, compressed or not, into ``folder``; the first member beyond a limit ends it.

    Parameters
    ----------
    archive : binary file
        Open at its beginning; it can be sought.
    folder : Path
        Made, if it is missing.
    limits : Limits, optional
    mode : {"r:*", "r:gz"}, default "r:*"
        As of ``tarfile``: any compression and none, or gzip alone.

    Raises
    ------
    ArchiveError
        If it cannot be read, a member leads out of ``folder`` by its path or a link, or a limit is passed.

    Examples
    --------
    >>> with open("model.tar.gz", "rb") as archive:                                 # doctest: +SKIP
    ...     unpack(archive, Path("model"))
    """
    allowed = limits or Limits()
    size = archive.seek(0, os.SEEK_END)
    archive.seek(0)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(fileobj=archive, mode=mode) as packed:
            total = 0
            for number, member in enumerate(packed, start=1):
                total += max(0, member.size)
                _check(member.name, number, total, size, allowed)
                packed.extract(member, folder, filter="data")
    except tarfile.FilterError as error:
        raise ArchiveError(str(error)) from error
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise ArchiveError(f"it is no readable archive: {' '.join(str(error).split())}") from error


def _check(name: str, number: int, total: int, packed: int, limits: Limits) -> None:
    # The filter alone would make an absolute path a relative one.
    if name.startswith("/"):
        raise ArchiveError(f"member {name!r} leads out of its folder")
    if number > limits.members:
        raise ArchiveError(f"it has more than {limits.members:,} members")
    if total > limits.size:
        raise ArchiveError(f"it unpacks to more than {limits.size:,} bytes")
    if total > max(64 * MEBIBYTE, packed * limits.ratio):
        raise ArchiveError(f"it unpacks to more than {limits.ratio} times its {packed:,} bytes")
    if name.count("/") > limits.depth:
        raise ArchiveError(f"member {name[:80]!r}... lies more than {limits.depth} folders deep")
