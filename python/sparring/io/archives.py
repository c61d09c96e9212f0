"""The standard library's ``tarfile``, or its backport where that one cannot refuse members that lead out of a folder.

The filter came with Python 3.12, 3.11.4 and 3.10.12; Debian 12 has 3.11.2.

Examples
--------
>>> with tarfile.open("model.tar.gz") as packed:                                # doctest: +SKIP
...     packed.extractall("model", filter="data")
"""

from __future__ import annotations

import tarfile as standard
from typing import TYPE_CHECKING

__all__ = ["tarfile"]

if TYPE_CHECKING or hasattr(standard, "data_filter"):
    tarfile = standard
else:
    from backports import tarfile
