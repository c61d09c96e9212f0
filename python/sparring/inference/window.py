"""Several requests at a time, their answers in order, never more waiting than the window holds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_order(work: Callable[[A, threading.Event], B], items: Iterable[A], concurrency: int) -> Iterator[tuple[A, B]]:
    """Yield each item with the result of its work, in the order of ``items``.

    Parameters
    ----------
    work : callable
        Takes an item and an event that is set when nobody needs the result any more.
    items : iterable
        Taken one by one, no more than twice ``concurrency`` ahead of the consumer.
    concurrency : int
        Threads.

    Raises
    ------
    Exception
        The first error in the order of the items; work that has not begun is then dropped.

    Examples
    --------
    >>> list(in_order(lambda n, stop: n * n, range(4), concurrency=2))
    [(0, 0), (1, 1), (2, 4), (3, 9)]
    """
    stop = threading.Event()
    waiting: deque[tuple[A, Future[B]]] = deque()
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="request")
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item, stop)))
            if len(waiting) >= 2 * concurrency:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
