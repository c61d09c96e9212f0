"""Serving with the user's functions: ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``, each with a default.

Source: aws/sagemaker-inference-toolkit, README, "Implement an inference handler"; only the convention is kept.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from sparring.container.media import BodyError, ContentError, media_type, negotiate
from sparring.container.source_code import install_source, packages_folder
from sparring.container.tree import Tree
from sparring.errors import PlatformError

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
OFFERED = (JSON, CSV, NPY)
DEFAULT_PROGRAM = "inference.py"


class ScriptPredictor:
    """Answers requests with the functions of the user's script.

    The script is ``SAGEMAKER_PROGRAM`` (else ``inference.py``) in ``SAGEMAKER_SUBMIT_DIRECTORY``, in ``code/`` of
    the model, or in the tree's ``code``.

    Parameters
    ----------
    tree : Tree

    Raises
    ------
    PlatformError
        If there is no script, or it lacks ``model_fn``.

    Notes
    -----
    ``transform_fn(model, body, content_type, accept)`` takes the place of the three others where it is defined.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        module = _import(_script(tree))

        def function(name: str, default: Callable[..., Any]) -> Callable[..., Any]:
            found: Callable[..., Any] = getattr(module, name, default)
            return found

        self.input = function("input_fn", input_fn)
        self.predict = function("predict_fn", predict_fn)
        self.output = function("output_fn", output_fn)
        self.transform = function("transform_fn", self._transform)
        self.model = function("model_fn", _no_model_fn)(str(tree.model))

    def __reduce__(self) -> tuple[type[ScriptPredictor], tuple[Tree]]:
        """Load again in the other process: a model of the user's need not survive a copy."""
        return ScriptPredictor, (self.tree,)

    def __call__(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the answer's body and content type."""
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON) if accept in ("", "*/*") else accept
        answer = self.transform(self.model, body, content_type, accept)
        content, kind = answer if isinstance(answer, tuple) else (answer, accept)
        return content.encode() if isinstance(content, str) else bytes(content), kind

    def _transform(self, model: Any, body: bytes, content_type: str, accept: str) -> Any:
        prediction = self.predict(self.input(body, content_type), model)
        return self.output(prediction, accept)


def input_fn(body: bytes, content_type: str) -> np.ndarray:
    """Return a request as an array: CSV without header, JSON (nested lists) or NumPy's own format.

    Raises
    ------
    ContentError, BodyError
        If the type is another, or the body does not parse.
    """
    kind, _ = media_type(content_type)
    if kind not in OFFERED:
        raise ContentError(f"content type {content_type!r} is none of {', '.join(OFFERED)}; define input_fn to read it")
    try:
        if kind == CSV:
            return np.loadtxt(io.BytesIO(body), delimiter=",", ndmin=2)
        if kind == NPY:
            return np.load(io.BytesIO(body), allow_pickle=False)
        return np.asarray(json.loads(body), dtype=np.float64)
    except (ValueError, TypeError, EOFError) as error:
        raise BodyError(f"the body is no {kind}: {error}") from error


def predict_fn(data: Any, model: Any) -> Any:
    """Return ``model.predict(data)``, or ``model(data)`` where it has no such method."""
    return model.predict(data) if hasattr(model, "predict") else model(data)


def output_fn(prediction: Any, accept: str) -> tuple[bytes, str]:
    """Return a prediction in the accepted type: JSON, CSV or NumPy's own format.

    Raises
    ------
    AcceptError
        If it is another; define ``output_fn`` to write it.
    """
    kind, array = negotiate(accept, OFFERED), np.asarray(prediction)
    stream = io.BytesIO()
    if kind == CSV:
        np.savetxt(stream, array if array.ndim else array[None], delimiter=",", fmt="%s")
    elif kind == NPY:
        np.save(stream, array, allow_pickle=False)
    else:
        stream.write(json.dumps(array.tolist()).encode())
    return stream.getvalue(), kind


def _script(tree: Tree) -> Path:
    code = tree.model / "code" if (tree.model / "code").is_dir() else tree.code
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    # After training in the same place this names the training source's archive, gone by now.
    remote = submitted.startswith(("s3://", "s3a://")) or Path(submitted.removeprefix("file://")).exists()
    install_source(submitted if submitted and remote else "", code)
    sys.path[:0] = [str(code), str(packages_folder(code))]
    script = code / os.environ.get("SAGEMAKER_PROGRAM", DEFAULT_PROGRAM)
    if not script.is_file():
        raise PlatformError(
            f"There is no script {script} to serve the model with",
            f"Put it into code/ of the model, or name it in SAGEMAKER_PROGRAM (default {DEFAULT_PROGRAM}).",
        )
    return script


def _import(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module
    spec.loader.exec_module(module)
    return module


def _no_model_fn(folder: str) -> Any:
    raise PlatformError(
        "The script defines no model_fn(model_dir), so nothing knows how to load its model",
        "Define model_fn, which takes the model's folder and returns the model.",
    )
