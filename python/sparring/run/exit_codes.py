"""Every code that a command can end with, and what it means; the guide's table is this one.

An error's own code is the ``exit_code`` of its class in :mod:`sparring.errors`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's end means."""

    OK = 0
    LACKING = 1
    CONFIG = 2
    TABLE = 3
    SPLIT = 4
    PLATFORM = 5
    TRAINING = 6
    COMPARISON = 7
    LEAKS = 8
    PACKAGE = 9
    CONTENDER_FAILED = 10
    IN_USE = 11
    ROWS_LOST = 12
    NOT_THE_SAME = 13
    UNEXPECTED = 70
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "Done.",
    ExitCode.LACKING: "`doctor` found something missing; `container check` found a rule broken.",
    ExitCode.CONFIG: "The command line, the configuration or a parameter is wrong.",
    ExitCode.TABLE: "The table cannot be read, or breaks its contract: a column, a type, the label.",
    ExitCode.SPLIT: "The rows cannot be split as asked: a class too small, a group too large.",
    ExitCode.PLATFORM: "The machine lacks something: a package, Java, memory, disk space, rights, a free port.",
    ExitCode.TRAINING: "Training or scoring failed, on SageMaker too: a request refused, an endpoint unhealthy.",
    ExitCode.COMPARISON: "The comparison would be unfair and is refused.",
    ExitCode.LEAKS: "`audit` found leaks of the severity given by `--fail-on` or worse.",
    ExitCode.PACKAGE: "A model package cannot be made or read, or a folder is no finished run.",
    ExitCode.CONTENDER_FAILED: "The run came to its end and wrote its page, but a contender failed.",
    ExitCode.IN_USE: "Another process works in the run's folder.",
    ExitCode.ROWS_LOST: "A stage lost rows, or read other ones than the stage before wrote.",
    ExitCode.NOT_THE_SAME: "`verify` found rows or figures that the two engines do not have alike.",
    ExitCode.UNEXPECTED: "An error that Sparring did not foresee; the log holds the traceback.",
    ExitCode.INTERRUPTED: "Interrupted, by Ctrl-C or SIGTERM.",
}
