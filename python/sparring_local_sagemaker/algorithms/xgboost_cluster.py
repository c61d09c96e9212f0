"""XGBoost on several hosts."""

from __future__ import annotations

from contextlib import AbstractContextManager

import numpy as np
from xgboost import collective

from sparring.container.collective import joined
from sparring_local_sagemaker.algorithms.channels import Hosts


def cluster(hosts: Hosts) -> AbstractContextManager[None]:
    """Join the other hosts for the body of the ``with`` statement; nothing happens on a single one."""
    return joined(hosts.names, hosts.current, hosts.addresses)


def largest(value: int) -> int:
    """Return the largest of all hosts' values."""
    return int(collective.allreduce(np.array([value], np.int64), collective.Op.MAX)[0])
