"""Where a table's files are: any file name as Spark takes it, and the beginning of the first file.

Spark takes ``[ ] { } * ?`` in a path for a pattern, and Hadoop a colon in a name for a scheme.
"""

from __future__ import annotations

import atexit
import bz2
import re
import shutil
import tempfile
import zlib
from pathlib import Path

from pyarrow import fs

from sparring.errors import TableError
from sparring.io import storage

PATTERN = re.compile(r"[*?\[\]{}\\]")
ODD = re.compile(PATTERN.pattern[:-1] + ":]")
# Of a file that is looked at for its dialect: its beginning, and pieces spread over the rest.
HEAD, PIECE, PIECES = 256 * 1024, 64 * 1024, 8


def spark_path(path: str) -> str:
    """Return ``path`` as Spark reads it: a file of that very name where there is one, else a pattern.

    Parameters
    ----------
    path : str
        As its user wrote it.

    Returns
    -------
    str
        With a scheme.  Local files with such a letter in their names are read through links without, which go when
        this process ends; elsewhere the letters are escaped.
    """
    if storage.is_local(path) and Path(storage.local_path(path)).exists():
        return "file:" + str(_plainly_named(Path(storage.local_path(path))))
    found = storage.normalize(path)
    return PATTERN.sub(lambda letter: "\\" + letter.group(), found) if _is_there(path) else found


def is_pattern(path: str) -> bool:
    """Return whether ``path`` stands for several files: it has a wildcard, and no file has this very name."""
    return bool(PATTERN.search(path)) and not _is_there(path)


def _is_there(path: str) -> bool:
    try:
        return storage.exists(path)
    except (OSError, ValueError):
        return False


def _plainly_named(path: Path) -> Path:
    """Return ``path``, or a link to it or a folder of links where a name has an odd letter."""
    below = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else []
    inside = any(ODD.search(str(file.relative_to(path))) for file in below)
    if not ODD.search(str(path)) and not inside:
        return path
    scratch = Path(tempfile.mkdtemp(prefix="sparring-names-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    linked = scratch / ODD.sub("-", path.name)
    if not inside:
        linked.symlink_to(path)
        return linked
    for file in below:
        # As Spark itself writes such a letter in the name of a partition's folder.
        link = linked / ODD.sub(lambda letter: f"%{ord(letter.group()):02X}", str(file.relative_to(path)))
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
    return linked


def data_files(path: str) -> list[fs.FileInfo]:
    """Return the files at ``path``, which may be a pattern, in the order of their names, hidden ones left out.

    Raises
    ------
    TableError
        If nothing is there, or no file matches.
    """
    if is_pattern(path):
        return _matching(path)
    system, inner = storage.filesystem(path)
    found = system.get_file_info(inner)
    if found.type == fs.FileType.NotFound:
        raise TableError(f"table.path {path!r} does not exist", "Check the path.")
    return [found] if found.type == fs.FileType.File else _below(system, inner)


def _matching(path: str) -> list[fs.FileInfo]:
    """Return the files that a pattern means, those below matching folders too."""
    system, inner = storage.filesystem(path)
    base = inner[: PATTERN.search(inner).start()].rpartition("/")[0]  # type: ignore[union-attr]
    rule = _as_expression(inner)
    found = [file for file in _below(system, base) if rule.fullmatch(file.path)]
    if not found:
        raise TableError(f"table.path {path!r} matches no file", "Check the pattern.")
    return found


def _as_expression(pattern: str) -> re.Pattern[str]:
    """Return Hadoop's pattern of paths as a regular expression that files below a match satisfy as well."""
    words = {"*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", "[": "[", "]": "]"}
    depth, text = 0, ""
    for letter in pattern.replace("[!", "[^"):
        depth += (letter == "{") - (letter == "}")
        text += "|" if letter == "," and depth else words.get(letter, letter if letter in "^-" else re.escape(letter))
    return re.compile(text + "(?:/.*)?")


def _below(system: fs.FileSystem, folder: str) -> list[fs.FileInfo]:
    inside = system.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True))
    hidden = ("_", ".")
    seen = [
        file
        for file in inside
        if file.is_file
        and not any(part.startswith(hidden) and "=" not in part for part in file.path.removeprefix(folder).split("/"))
    ]
    return sorted(seen, key=lambda file: file.path)


def sample_bytes(path: str) -> bytes:
    """Return the beginning of the first file with content at ``path``, unpacked, and pieces of what follows.

    Notes
    -----
    Cost: at most 0.8 MB are read, on the driver.
    """
    system, _ = storage.filesystem(path)
    files = [file for file in data_files(path) if file.size]
    return _sample(system, files[0]) if files else b""


def _sample(system: fs.FileSystem, file: fs.FileInfo) -> bytes:
    with system.open_input_file(file.path) as stream:
        head = stream.read(HEAD)
        if file.path.endswith(".gz"):
            return zlib.decompressobj(wbits=47).decompress(head, HEAD)
        if file.path.endswith(".bz2"):
            return bz2.BZ2Decompressor().decompress(head, HEAD)
        return head


def sample_pieces(path: str) -> list[bytes]:
    """Return pieces spread over the rest of the first file, empty for a packed or a small one."""
    system, _ = storage.filesystem(path)
    files = [file for file in data_files(path) if file.size]
    if not files or files[0].size <= HEAD or files[0].path.endswith((".gz", ".bz2")):
        return []
    places = [HEAD + (files[0].size - HEAD) * at // PIECES for at in range(PIECES)]
    with system.open_input_file(files[0].path) as stream:
        return [stream.read_at(PIECE, place) for place in places]
