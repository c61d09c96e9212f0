"""This machine, as far as times depend on it."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil

CPU_INFO = Path("/proc/cpuinfo")


def this_machine() -> dict[str, str]:
    """Return processor, cores and memory in words; the same after a restart, and on another machine of the kind.

    Examples
    --------
    >>> sorted(this_machine())
    ['cores', 'memory', 'processor']
    """
    memory = round(psutil.virtual_memory().total / 2**30)
    return {"processor": _processor(), "cores": str(psutil.cpu_count()), "memory": f"{memory} GiB"}


def _processor() -> str:
    lines = CPU_INFO.read_text().splitlines() if CPU_INFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
