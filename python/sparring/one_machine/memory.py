"""What memory there is, and columns that it does not hold: they are kept in files that the kernel maps."""

from __future__ import annotations

import tempfile
from pathlib import Path

import psutil
import pyarrow as pa

# Where Linux tells the limit of a container, in the second and in the first version of its control groups.
LIMITS = tuple(Path("/sys/fs/cgroup", *name) for name in (["memory.max"], ["memory", "memory.limit_in_bytes"]))
# A smaller column is not worth a file.
LEAST = 1 << 22
UNITS = {"m": 20, "g": 30}


def own_memory() -> int:
    """Return the bytes of memory that this process may have: the machine's, or its container's limit."""
    limits = [int(text) for path in LIMITS if path.is_file() and (text := path.read_text().strip()).isdigit()]
    return min([psutil.virtual_memory().total, *limits])


def parse_bytes(text: str) -> int:
    """Return the bytes of ``resources.memory``.

    Examples
    --------
    >>> parse_bytes("3g"), parse_bytes("512m")
    (3221225472, 536870912)
    """
    return int(text[:-1]) << UNITS[text[-1]]


class Room:
    """What this process's columns may take of memory.

    Attributes
    ----------
    most : int
        Bytes; beyond them, a new column is kept in a file.  A quarter of the memory unless :meth:`allow` says more.
    """

    def __init__(self) -> None:
        self.most = own_memory() // 4

    def allow(self, most: int) -> None:
        """Set the bytes, for all that this process does from now on; half of the memory at most."""
        self.most = min(most, own_memory() // 2)

    def is_full(self) -> bool:
        """Return whether the process has taken more, files that are mapped aside."""
        if _private_bytes() < self.most:
            return False
        pa.default_memory_pool().release_unused()
        return _private_bytes() >= self.most


ROOM = Room()


def _private_bytes() -> int:
    held = psutil.Process().memory_info()
    return int(held.rss - getattr(held, "shared", 0))


def settled(values: pa.Array) -> pa.Array:
    """Return the same values, in a file where memory is full; the file goes with them.

    Notes
    -----
    Cost: of a file, a copy of the values; they are read again from the disk if the kernel needed their memory.
    """
    if values.nbytes < LEAST or not ROOM.is_full():
        return values
    batch = pa.record_batch([values], names=["values"])
    with tempfile.NamedTemporaryFile(prefix="sparring-column-") as file:
        with pa.ipc.new_stream(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        return pa.ipc.open_stream(pa.memory_map(file.name)).read_next_batch().column(0)
