"""A real ``/opt/ml`` without Docker: a mount namespace of its own, in which a folder lies at that path."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

from sparring.container.tree import DEFAULT_BASE
from sparring.errors import PlatformError

# Everything that is in /opt stays visible: it is bound back into the empty tmpfs that makes room for /opt/ml.
# The last line becomes the program: same process, same id, signals reach it.
SCRIPT = """
set -e
mkdir -p "$1"
if [ ! -d /opt ]; then echo "there is no /opt" >&2; exit 70; fi
mount --bind /opt "$2"
mount -t tmpfs -o mode=755 tmpfs /opt
for entry in "$2"/* "$2"/.[!.]*; do
    name=${entry##*/}
    if [ "$name" = ml ]; then continue
    elif [ -L "$entry" ]; then cp -P "$entry" "/opt/$name"
    elif [ -d "$entry" ]; then mkdir "/opt/$name"; mount --rbind "$entry" "/opt/$name"
    elif [ -e "$entry" ]; then : > "/opt/$name"; mount --bind "$entry" "/opt/$name"
    fi
done
mkdir /opt/ml
mount --rbind "$1" /opt/ml
umount -l "$2"
rmdir "$2"
shift 2
cd /opt/ml
export SAGEMAKER_BASE_DIR=/opt/ml
exec "$@"
"""


def isolated(command: list[str], base: Path) -> list[str]:
    """Return ``command`` wrapped to run in ``base``, which it finds at ``/opt/ml``; nobody else sees a difference.

    Parameters
    ----------
    command : list of str
    base : Path
        Laid out by :func:`~sparring.container.tree.lay_out`.

    Raises
    ------
    PlatformError
        If this machine does not let us: no Linux, no ``unshare``, or no right to mount.

    Examples
    --------
    >>> subprocess.run(isolated(["ls", "/opt/ml"], tree.base))     # doctest: +SKIP
    """
    require_isolation()
    # Where the old /opt is held for a moment, inside the namespace only.
    aside = base.parent / f".{base.name}-opt"
    aside.mkdir(exist_ok=True)
    unshare = ["unshare", "--mount", "--propagation", "private", "--"]
    return [*unshare, "sh", "-c", SCRIPT, "isolated", str(base), str(aside), *command]


def can_isolate() -> bool:
    """Return whether this process may make a mount namespace and mount in it."""
    return not _why_not()


def require_isolation() -> None:
    """Raise :class:`PlatformError` unless :func:`can_isolate`."""
    why = _why_not()
    if why:
        raise PlatformError(
            f"An isolated {DEFAULT_BASE} cannot be made: {why}",
            f"Run as root on Linux (in Docker: --cap-add SYS_ADMIN), or without isolation, where only programs that "
            f"honour SAGEMAKER_BASE_DIR instead of {DEFAULT_BASE} can work.",
        )


@functools.cache
def _why_not() -> str:
    if os.name != "posix" or shutil.which("unshare") is None:
        return "there is no unshare here (Linux, package util-linux)"
    if not Path("/opt").is_dir():
        return "there is no folder /opt"
    probe = ["unshare", "--mount", "--propagation", "private", "--", "mount", "-t", "tmpfs", "tmpfs", "/opt"]
    done = subprocess.run(probe, capture_output=True, text=True)
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["mounting failed"])[-1]
