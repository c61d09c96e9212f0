"""The exceptions Sparring raises, one tree, each with the moment it is raised.

Every message states *what* (parameter, column or file), *whose* it is, what was *allowed*, what *came*, and the
*next step*.  :class:`SparringError` joins those parts so that no message can leave the next step out.
"""

from __future__ import annotations


class SparringError(Exception):
    """Root of the tree; catch it to catch everything Sparring raises on purpose.

    Parameters
    ----------
    problem : str
        What is wrong, naming the parameter, column or file, its owner, what was allowed and what came.
    next_step : str
        What the user can do about it, as an imperative sentence.
    """

    exit_code = 1

    def __init__(self, problem: str, next_step: str) -> None:
        super().__init__(f"{problem.rstrip('.')}. {next_step}")
        self.problem = problem
        self.next_step = next_step

    def __reduce__(self) -> tuple:
        # The default would call __init__ with the joined message alone; errors cross process borders.
        return type(self), (self.problem, self.next_step)


class ConfigError(SparringError):
    """Raised when a configuration file or an override is unknown, ill-typed or contradictory."""

    exit_code = 2


class ParamError(SparringError, ValueError):
    """Raised when a stage's Param is out of range or contradicts another one."""

    exit_code = 2


class TableError(SparringError):
    """Raised when the table does not fulfil its contract: unreadable, empty, a column missing or ill-typed."""

    exit_code = 3


class SchemaError(TableError, ValueError):
    """Raised by ``transformSchema`` when a stage's input columns are missing, ill-typed or already taken."""


class LabelError(TableError):
    """Raised when the label cannot be trained on: one class only, too many classes, not parseable."""


class SplitError(SparringError):
    """Raised when rows cannot be assigned as asked: a class too small, a group larger than a part."""

    exit_code = 4


class PlatformError(SparringError):
    """Raised when the machine lacks something: Java, Spark, a jar, an optional package, memory, disk space."""

    exit_code = 5


class MissingDependencyError(PlatformError, ImportError):
    """Raised at the point of use when an optional package is absent; carries the exact install command."""


class TrainingError(SparringError):
    """Raised when a trainer cannot fit or score."""

    exit_code = 6


class SageMakerError(TrainingError):
    """Raised when the hand-off to SageMaker fails: request refused, job failed, endpoint unhealthy."""


class EndpointError(SageMakerError):
    """Raised when an endpoint answers wrongly: error status after all retries, or fewer predictions than rows."""


class PackageError(SparringError):
    """Raised when a model cannot be packed, or a model package is broken, altered or of another version."""

    # 8 is what the audit ends with when it finds leaks.
    exit_code = 9


class FolderInUseError(SparringError):
    """Raised when another process works in the run's folder."""

    exit_code = 11


class RowsLostError(SparringError):
    """Raised when a stage's files hold other rows than it had to write: no figure of such a run can be trusted."""

    exit_code = 12


class ComparisonError(SparringError):
    """Raised when a comparison would be unfair and must be refused."""

    exit_code = 7


def did_you_mean(name: str, allowed: list[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the closest allowed name, or an empty string.

    Examples
    --------
    >>> did_you_mean("lable", ["label", "group"])
    " Did you mean 'label'?"
    """
    import difflib

    close = difflib.get_close_matches(name, allowed, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
