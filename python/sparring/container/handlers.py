"""Serving with the user's functions: ``model_fn``, ``input_fn``, ``predict_fn``, ``output_fn``, each with a default.

Sources: aws/sagemaker-inference-toolkit, ``transformer.py``, and amazon-archives/sagemaker-containers,
``_transformer.py`` and ``_worker.py``: what the functions are given and what they may return.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from sparring.container.codecs import JSON, as_text
from sparring.container.context import OK, REQUEST_HEADERS, Context
from sparring.container.default_handlers import default_handlers
from sparring.container.framework import framework, toolkit_folders
from sparring.container.media import RequestError
from sparring.container.source_code import install_source, packages_folder
from sparring.container.tree import Tree
from sparring.errors import PlatformError

DEFAULT_PROGRAM = "inference.py"
STEPS = ("input_fn", "predict_fn", "output_fn")


class HandlerStatus(RequestError):
    """Raised for an answer to which a handler gave another status than 200."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


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
        If there is no script, it lacks a ``model_fn`` that its framework has no default for, or it defines
        ``transform_fn`` beside one of the functions whose place that takes.

    Notes
    -----
    ``input_fn`` and ``transform_fn`` are given text for CSV and JSON and bytes for all else.  Any function may take
    one argument more, a :class:`~sparring.container.context.Context`.  The last of them returns text or bytes, a
    pair of those and a content type, a response object as Flask has it, or a dict, which becomes JSON.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        module, default = _import(_script(tree)), default_handlers(framework())
        _refuse_both(module)
        self.input = _handler(module, "input_fn", default.input, 2)
        self.predict = _handler(module, "predict_fn", default.predict, 2)
        self.output = _handler(module, "output_fn", default.output, 2)
        self.transform = _handler(module, "transform_fn", None, 4)
        load = _handler(module, "model_fn", default.model, 1)
        self.model = load(Context(tree.model), str(tree.model))

    def __reduce__(self) -> tuple[type[ScriptPredictor], tuple[Tree]]:
        """Load again in the other process: a model of the user's need not survive a copy."""
        return ScriptPredictor, (self.tree,)

    def __call__(self, body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
        """Return the answer's body and content type."""
        if REQUEST_HEADERS.get() and "content-type" not in REQUEST_HEADERS.get():
            content_type = JSON
        accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", JSON) if accept in ("", "*/*") else accept
        context, given = Context(self.tree.model), as_text(body, content_type)
        content, kind, status = reply(self._answer(context, given, content_type, accept), accept)
        if status == OK:
            status = context.status
        if status != OK:
            raise HandlerStatus(status, content.decode(errors="replace"))
        return content, context.content_type or kind

    def _answer(self, context: Context, body: str | bytes, content_type: str, accept: str) -> Any:
        if self.transform is not None:
            return self.transform(context, self.model, body, content_type, accept)
        prediction = self.predict(context, self.input(context, body, content_type), self.model)
        return self.output(context, prediction, accept)


def reply(answer: Any, accept: str) -> tuple[bytes, str, int]:
    """Return body, content type and status of what a handler returned.

    Raises
    ------
    TypeError
        If it is nothing that can be sent.

    Examples
    --------
    >>> reply("0.5", "text/csv"), reply((b"1", "a/b"), "text/csv")
    ((b'0.5', 'text/csv', 200), (b'1', 'a/b', 200))
    """
    if hasattr(answer, "get_data"):
        kind = getattr(answer, "content_type", None) or getattr(answer, "mimetype", None) or accept
        return answer.get_data(), kind, getattr(answer, "status_code", OK)
    content, kind = answer if isinstance(answer, tuple) else (answer, accept)
    if isinstance(content, dict):
        return json.dumps(content).encode(), JSON, OK
    if isinstance(content, str):
        return content.encode(), kind, OK
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content), kind, OK
    raise TypeError(
        f"the script answered with {type(content).__name__}, which is neither text, bytes, a dict, a response nor a "
        f"pair of text or bytes and a content type"
    )


def _handler(module: ModuleType, name: str, default: Callable[..., Any] | None, count: int) -> Any:
    """Return a function of the script, or the default, as one that takes a context first."""
    function = getattr(module, name, default)
    if function is None:
        return None
    if _takes_context(function, count):
        return lambda context, *given: function(*given, context)
    return lambda context, *given: function(*given)


def _takes_context(function: Callable[..., Any], count: int) -> bool:
    """Return whether a handler of ``count`` arguments takes one more, by need or by the name ``context``."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes = [entry for entry in inspect.signature(function).parameters.values() if entry.kind in kinds]
    if len(takes) <= count:
        return False
    return takes[count].default is inspect.Parameter.empty or takes[count].name == "context"


def _refuse_both(module: ModuleType) -> None:
    besides = [name for name in STEPS if hasattr(module, name)]
    if hasattr(module, "transform_fn") and besides:
        raise PlatformError(
            f"The script defines transform_fn and also {', '.join(besides)}, whose place it takes",
            "Keep transform_fn alone, or the others.",
        )


def _script(tree: Tree) -> Path:
    code = tree.model / "code" if (tree.model / "code").is_dir() else tree.code
    submitted = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    # After training in the same place this names the training source's archive, gone by now.
    remote = submitted.startswith(("s3://", "s3a://")) or Path(submitted.removeprefix("file://")).exists()
    install_source(submitted if submitted and remote else "", code)
    sys.path[:0] = [str(code), str(packages_folder(code)), *toolkit_folders(framework())]
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
