"""What an instance type has: cores and memory, which limit a program locally as they would on AWS."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

# GiB a core of the general families; sizes from Amazon EC2's instance type pages.
MEMORY_PER_CORE = {"c": 2.0, "m": 4.0, "r": 8.0, "t": 4.0}
CORES = {"medium": 2, "large": 2, "xlarge": 4}
# Families whose memory does not follow from their cores.
EXACT = {
    "t2.medium": (2, 4),
    "t3.medium": (2, 4),
    "t2.large": (2, 8),
    "t3.large": (2, 8),
    "p3.2xlarge": (8, 61),
    "p3.8xlarge": (32, 244),
    "p3.16xlarge": (64, 488),
    "p4d.24xlarge": (96, 1152),
    "p5.48xlarge": (192, 2048),
    "g4dn.xlarge": (4, 16),
    "g4dn.2xlarge": (8, 32),
    "g4dn.4xlarge": (16, 64),
    "g4dn.8xlarge": (32, 128),
    "g4dn.12xlarge": (48, 192),
    "g4dn.16xlarge": (64, 256),
    "g5.xlarge": (4, 16),
    "g5.2xlarge": (8, 32),
    "g5.4xlarge": (16, 64),
    "g5.8xlarge": (32, 128),
    "g5.12xlarge": (48, 192),
    "g5.16xlarge": (64, 256),
    "g5.24xlarge": (96, 384),
    "g5.48xlarge": (192, 768),
}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Instance(NamedTuple):
    """Cores and GiB of memory of one instance."""

    cores: int
    memory_gib: float

    def variables(self, hosts: int = 1) -> dict[str, str]:
        """Return the environment that keeps numerical libraries to this instance's share of the machine."""
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = max(1, min(self.cores, available // hosts))
        return dict.fromkeys(THREAD_VARIABLES, str(threads))

    @property
    def memory_bytes(self) -> int:
        """Memory in bytes."""
        return int(self.memory_gib * 2**30)


def instance(kind: str) -> Instance | None:
    """Return what an instance type has, None for one that the table does not know.

    Examples
    --------
    >>> instance("ml.m5.xlarge")
    Instance(cores=4, memory_gib=16.0)
    >>> instance("ml.c5.9xlarge").cores
    36
    """
    name = kind.removeprefix("ml.")
    if name in EXACT:
        return Instance(*EXACT[name])
    found = re.fullmatch(r"([cmrt])\d[a-z]*\.(?:(\d+)?(xlarge)|(medium|large))", name)
    if found is None:
        return None
    family, times, xlarge, small = found.groups()
    cores = CORES[small] if small else CORES[xlarge] * int(times or 1)
    return Instance(cores, cores * MEMORY_PER_CORE[family])
