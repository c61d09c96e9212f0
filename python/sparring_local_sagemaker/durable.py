"""Files that are there as a whole or not at all, also after a kill or on a full disk; and who may write them."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sparring.errors import SageMakerError

PARTIAL = ".partial"
LOCK = "lock"


def write_whole(path: Path, content: bytes, name_too: bool = True) -> None:
    """Put ``content`` at ``path``, on the disk itself when this returns.

    Parameters
    ----------
    path : Path
    content : bytes
    name_too : bool
        Whether its name must be there as well; not where another file of the folder is written next.

    Raises
    ------
    OSError
        If it cannot be written; then ``path`` is as it was before and nothing else is left.
    """
    partial = path.with_name(f"{uuid.uuid4().hex}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    if name_too:
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Put the names of a folder on the disk, as :func:`write_whole` does the content of a file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Remove what a server that was killed had begun to write."""
    for path in folder.glob(f"*{PARTIAL}"):
        path.unlink()


def read_json(path: Path) -> dict[str, Any]:
    """Return what a JSON file of the state says.

    Raises
    ------
    SageMakerError
        Naming the file, if it holds no JSON object.
    """
    try:
        found = json.loads(path.read_bytes())
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    return found


def unreadable(path: Path, why: object) -> SageMakerError:
    """Return the error for a file of the state that is not as this program wrote it."""
    return SageMakerError(
        f"The state's file {path} cannot be read ({why})", "Restore it, or move it away to go on without it."
    )


@contextmanager
def only_server(state: Path) -> Iterator[None]:
    """Hold a state folder for this process; the system itself lets go of it when the process ends, however it ends.

    Raises
    ------
    SageMakerError
        If another process holds it; the message names its number.
    """
    # Opened for appending: the number of the holder must not be cut off by those that try.
    with (state / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            holder = file.read().strip() or "of a number not yet written"
            raise SageMakerError(
                f"The state folder {state} is in use by another local SageMaker, process {holder}",
                "Stop that one or give another folder.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
