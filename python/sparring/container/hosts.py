"""Where the hosts of a job are: on one machine each has a loopback address of its own."""

from __future__ import annotations

import json
import os

# The platform's own variable: JSON {"algo-1": "127.0.0.2", ...}; without it hosts are found by their names.
ADDRESSES_VARIABLE = "SPARRING_HOST_ADDRESSES"


def host_addresses() -> dict[str, str]:
    """Return the addresses that the platform gives: host -> IP address."""
    found: dict[str, str] = json.loads(os.environ.get(ADDRESSES_VARIABLE, "{}"))
    return found
