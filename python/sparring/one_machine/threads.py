"""Work on all cores: NumPy and Arrow let go of Python's lock while they compute."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sparring.spark.session import available_cores

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_threads(work: Callable[[Given], Made], items: Iterable[Given]) -> list[Made]:
    """Return ``work`` of each item, in their order; a thread a core, none where there is one item."""
    given = list(items)
    threads = min(available_cores(), len(given))
    if threads <= 1:
        return [work(item) for item in given]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, given))
