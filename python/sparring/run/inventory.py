"""What a stage left in its folder, so that a later run keeps it only if it is still there, and unchanged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pyarrow import fs

from sparring.io import storage

# Of a larger file its ends are looked at: at the end of a Parquet file lies the record of all that is in it.
WHOLE_BYTES, END_BYTES = 4 << 20, 64 << 10
MOST_READ = 1_000
THREADS = 8


def inventory(folder: str, names: Iterable[str]) -> dict[str, Any]:
    """Return how many files ``names`` below ``folder`` hold, their bytes, and a digest of names, sizes and content.

    Parameters
    ----------
    folder : str
        Any path of :mod:`sparring.io.storage`.
    names : iterable of str
        Files or folders in it; ``""`` is all that is in it.

    Returns
    -------
    dict
        ``files``, ``bytes`` and ``digest``; the same wherever the folder lies.

    Notes
    -----
    Cost: files up to 4 MB are read whole, of larger ones 64 KB at both ends; of more than 1,000 files these many,
    evenly spread, and of the others name and size.  Hidden files, and marks such as ``_SUCCESS``, do not count.
    """
    system, root = storage.filesystem(folder)
    found = sorted((one for name in names for one in _files(system, root, name)), key=lambda one: one.path)
    read = found[:: -(-len(found) // MOST_READ) or 1]
    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(lambda one: _digest(system, one), read))
    lines = [f"{one.path.removeprefix(root)} {one.size}" for one in found]
    whole = hashlib.blake2b("\n".join([*lines, *digests]).encode(), digest_size=16)
    return {"files": len(found), "bytes": sum(one.size for one in found), "digest": whole.hexdigest()}


def _files(system: fs.FileSystem, root: str, name: str) -> list[fs.FileInfo]:
    path = f"{root}/{name}".rstrip("/")
    info = system.get_file_info(path)
    if info.type == fs.FileType.File:
        return [info]
    selector = fs.FileSelector(path, allow_not_found=True, recursive=True)
    files = [one for one in system.get_file_info(selector) if one.type == fs.FileType.File]
    return [one for one in files if not one.base_name.startswith((".", "_"))]


def _digest(system: fs.FileSystem, one: fs.FileInfo) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with system.open_input_file(one.path) as file:
        if one.size <= WHOLE_BYTES:
            digest.update(file.read())
        else:
            digest.update(file.read(END_BYTES))
            file.seek(one.size - END_BYTES)
            digest.update(file.read(END_BYTES))
    return digest.hexdigest()
