"""The whole check of a container: its training program, then its serving program on what was trained."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from sparring.sagemaker.container.check.report import Limits, Report
from sparring.sagemaker.container.check.serving import Payload, ServingCheck
from sparring.sagemaker.container.check.training import TrainingCheck
from sparring.sagemaker.container.isolation import require_isolation
from sparring.sagemaker.container.serving import DEFAULT_PORT


@dataclass(frozen=True)
class ContainerCheck:
    """What is to be tested, and with what.

    Attributes
    ----------
    train, serve : list of str
        Commands; empty: that half is not tested.
    hyperparameters : dict of str to str
    channels : dict of str to Path
        Channel -> file or folder with its data.
    channel_type : str
        ContentType of the channels.
    model : Path or None
        What ``serve`` finds in ``/opt/ml/model``; None: what ``train`` made.
    payload : Payload or None
    port : int
    isolate : bool
        Whether the programs find their tree at ``/opt/ml`` itself, which needs root on Linux.
    limits : Limits
    """

    train: list[str] = field(default_factory=list)
    serve: list[str] = field(default_factory=list)
    hyperparameters: dict[str, str] = field(default_factory=dict)
    channels: dict[str, Path] = field(default_factory=dict)
    channel_type: str = "text/csv"
    model: Path | None = None
    payload: Payload | None = None
    port: int = DEFAULT_PORT
    isolate: bool = True
    limits: Limits = field(default_factory=Limits)


def check_container(check: ContainerCheck) -> Report:
    """Run the programs and return what was found; nothing of them is left.

    Raises
    ------
    PlatformError
        If isolation is asked for and not possible here, or the port is in use.

    Notes
    -----
    Cost: the training runs up to three times, the serving program once.
    """
    if check.isolate:
        require_isolation()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as scratch:
        model = check.model
        if check.train:
            trained = TrainingCheck(
                check.train,
                Path(scratch),
                check.hyperparameters,
                check.channels,
                check.channel_type,
                check.isolate,
                check.limits,
                report,
            ).run()
            model = model or trained
        if check.serve and (model is not None or not check.train):
            ServingCheck(
                check.serve,
                Path(scratch),
                model,
                check.payload,
                check.port,
                check.isolate,
                check.limits,
                report,
            ).run()
        elif check.serve:
            report.skip("serve.start", "training left no model to serve")
    return report
