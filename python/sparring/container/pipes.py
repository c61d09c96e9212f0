"""Pipe mode: a channel as FIFOs ``<channel>_<epoch>``, each holding the channel's whole data once.

Source: Amazon SageMaker developer guide, "How Amazon SageMaker Provides Training Information", Pipe mode.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class PipeFeeder:
    """The platform's side: writes the channel's files into one FIFO after the other while they are read.

    Parameters
    ----------
    folder : Path
        ``/opt/ml/input/data``; receives ``<channel>_0``, and the next FIFO as soon as one is opened.
    channel : str
    files : sequence of Path
        Sent in this order, one after the other without a separator.

    Notes
    -----
    As a context: at its end the thread that feeds is released, whether or not anybody read.

    Examples
    --------
    >>> with PipeFeeder(tree.data, "train", [Path("part-0.csv")]):     # doctest: +SKIP
    ...     program.wait()
    """

    def __init__(self, folder: Path, channel: str, files: Sequence[Path]) -> None:
        self.folder, self.channel, self.files = folder, channel, list(files)
        self._ended = threading.Event()
        self._current = self._make(0)
        self._thread = threading.Thread(target=self._feed, name=f"pipe {channel}", daemon=True)

    def __enter__(self) -> PipeFeeder:
        """Begin to feed."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop feeding."""
        self._ended.set()
        # A writer waits in open() for a reader: be one.
        while self._thread.is_alive():
            with suppress(OSError):
                os.close(os.open(self._current, os.O_RDONLY | os.O_NONBLOCK))
            self._thread.join(0.02)

    def _feed(self) -> None:
        epoch = 0
        while not self._ended.is_set():
            with suppress(BrokenPipeError), self._current.open("wb") as fifo:
                # The next epoch's must be there before this one's reader sees its end.
                epoch += 1
                self._current = self._make(epoch)
                for file in self.files:
                    if self._ended.is_set():
                        break
                    with file.open("rb") as data:
                        shutil.copyfileobj(data, fifo)

    def _make(self, epoch: int) -> Path:
        path = self.folder / f"{self.channel}_{epoch}"
        os.mkfifo(path)
        return path
