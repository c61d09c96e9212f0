"""``sparring package`` and ``sparring serve``: a run's winner as a model.tar.gz, and behind the container's server."""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sparring.cli.console import Json, console, print_json

Run = Annotated[str, typer.Argument(help="Folder of a finished run.")]
Contender = Annotated[str | None, typer.Option("--contender", help="Default: the verdict's choice.")]


def package(
    run: Run,
    contender: Contender = None,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="File to write, any path of a run.")
    ] = "model.tar.gz",
    json: Json = False,
) -> None:
    """Pack a contender's model and the fitted preparation into one model.tar.gz that takes raw rows."""
    from sparring.io import storage
    from sparring.run.package import archive, package

    with tempfile.TemporaryDirectory(prefix="sparring-package-") as scratch:
        manifest = package(run, contender, Path(scratch))
        data = archive(Path(scratch))
    storage.write_bytes(storage.normalize(out), data)
    if json:
        print_json({"out": out, "bytes": len(data), **asdict(manifest)})
        return
    names = ", ".join(column.name for column in manifest.columns)
    console().print(
        f"Wrote {out}: {manifest.run['contender']}, {len(data):,} bytes. Raw columns: {names}", soft_wrap=True
    )


def serve(
    run: Annotated[str, typer.Argument(help="Folder of a finished run, or a model.tar.gz that package wrote.")],
    contender: Contender = None,
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65_535, help="Port on 127.0.0.1.")] = 8080,
    workers: Annotated[int, typer.Option("--workers", metavar="N", min=1, help="Processes that answer.")] = 1,
) -> None:
    """Serve a run's winner on loopback as its container would: /ping, /invocations with raw rows; / explains them."""
    from sparring.container.serving import HOST_VARIABLE, PORT_VARIABLE, serve
    from sparring.run.package import package, unpacked
    from sparring.serving.packaged import PackagedModel
    from sparring.serving.sample import sample_command

    with tempfile.TemporaryDirectory(prefix="sparring-serve-") as scratch:
        folder = Path(scratch)
        if run.endswith(".tar.gz"):
            unpacked(run, folder)
        else:
            package(run, contender, folder)
        model = PackagedModel(folder)
        address = f"http://127.0.0.1:{port}"
        console().print(
            f"Serving {model.manifest.run['contender']} on {address} - try:\n{sample_command(model.sample, address)}\n"
            f"or open {address} in a browser.",
            soft_wrap=True,
            markup=False,
        )
        os.environ |= {PORT_VARIABLE: str(port), HOST_VARIABLE: "127.0.0.1"}
        serve(model, workers)
