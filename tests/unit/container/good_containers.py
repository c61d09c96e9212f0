"""Containers of several makes that keep the contract: what the check of a container must pass without a finding."""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sparring.container.check import ContainerCheck, Payload

HERE = Path(__file__).parent
STDLIB = [sys.executable, "-S", str(HERE / "contract_programs.py")]
CSV, JSON = "text/csv", "application/json"
ROWS = b"1,2\n3,4\n5.5,0\n2,2\n7,1\n"
SCRIPT = """
import argparse, json, os, shutil
parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, required=True)
epochs = parser.parse_args().epochs
rows = open(os.environ["SM_CHANNEL_TRAIN"] + "/rows.csv").read().splitlines()
model = os.environ["SM_MODEL_DIR"]
json.dump(epochs * len(rows), open(model + "/model.json", "w"))
shutil.copytree("serving", model + "/code")
"""
HANDLERS = """
import json
def model_fn(folder):
    total = json.load(open(folder + "/model.json"))
    return lambda data: data.sum(axis=1) + total
"""
OWN_HANDLERS = """
import json
from sparring.container import AcceptError, BodyError, ContentError
def model_fn(folder):
    return json.load(open(folder + "/model.json"))
def input_fn(body, content_type):
    if content_type != "application/json":
        raise ContentError("application/json only")
    try:
        return [float(row["x"]) for row in json.loads(body)]
    except (ValueError, TypeError, KeyError) as error:
        raise BodyError(str(error)) from error
def predict_fn(data, model):
    return [model + x for x in data]
def output_fn(prediction, accept):
    if accept not in ("application/json", "*/*"):
        raise AcceptError("application/json only")
    return json.dumps(prediction), "application/json"
"""


def stdlib(folder: Path, fault: str = "") -> ContainerCheck:
    """Return the standard library's server with threads, or a fault of the catalogue."""
    return ContainerCheck(
        train=[*STDLIB, "train", fault],
        serve=[*STDLIB, "serve", fault],
        hyperparameters={"rounds": "2"},
        channels={"train": written(folder / "rows.csv", ROWS)},
        payload=Payload(ROWS, CSV),
        isolate=False,
    )


def single_threaded(folder: Path) -> ContainerCheck:
    """Return the standard library's server that answers one request after the other."""
    return stdlib(folder, "single")


def starlette(folder: Path) -> ContainerCheck:
    """Return a starlette application under uvicorn that reads JSON."""
    program = [sys.executable, str(HERE / "uvicorn_program.py")]
    payload = Payload(json.dumps({"instances": [[1, 2], [3, 4], [0, 1.5]]}).encode(), JSON)
    return replace(stdlib(folder), train=[*program, "train"], serve=[*program, "serve"], payload=payload)


def script_mode(
    folder: Path, handlers: str = HANDLERS, module: str = "sparring.container.script_mode"
) -> ContainerCheck:
    """Return script mode with a script and its handlers."""
    source = folder / "source"
    (source / "serving").mkdir(parents=True)
    written(source / "train.py", SCRIPT.encode())
    written(source / "serving" / "inference.py", handlers.encode())
    archive = folder / "sourcedir.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(source, ".")
    image = [sys.executable, "-m", module]
    given = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(archive), "epochs": "3"}
    return replace(stdlib(folder), train=[*image, "train"], serve=[*image, "serve"], hyperparameters=given)


def own_handlers(folder: Path) -> ContainerCheck:
    """Return script mode with handlers for JSON objects alone."""
    payload = Payload(b'[{"x": 1}, {"x": 2.5}, {"x": -1}]', JSON)
    return replace(script_mode(folder, OWN_HANDLERS), payload=payload)


def own_image(folder: Path) -> ContainerCheck:
    """Return the project's own image."""
    return script_mode(folder, module="sparring.serving.programs")


def xgboost(folder: Path) -> ContainerCheck:
    """Return the built-in XGBoost algorithm's image, trained on CSV with the label first."""
    image = [sys.executable, "-m", "sparring_local_sagemaker.algorithms.xgboost_programs"]
    rows = [f"{number % 2},{number},{number * number % 7}" for number in range(60)]
    return replace(
        stdlib(folder),
        train=[*image, "train"],
        serve=[*image, "serve"],
        hyperparameters={"num_round": "5", "objective": "binary:logistic"},
        channels={"train": written(folder / "labelled.csv", "\n".join(rows).encode())},
    )


def written(path: Path, content: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


GOOD: dict[str, Callable[[Path], ContainerCheck]] = {
    "standard library, threads": stdlib,
    "standard library, one thread": single_threaded,
    "starlette under uvicorn, JSON": starlette,
    "script mode, default handlers": script_mode,
    "script mode, own handlers, JSON": own_handlers,
    "own image": own_image,
    "built-in XGBoost": xgboost,
}
