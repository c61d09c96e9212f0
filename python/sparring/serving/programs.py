"""The image's two programs, ``train`` and ``serve``.

Outside an image they are called ``sparring-train`` and ``sparring-serve``; the image links the short names to them.
"""

from __future__ import annotations

import sys

from sparring.errors import SparringError
from sparring.sagemaker.container import script_mode
from sparring.sagemaker.container import serve as answer
from sparring.sagemaker.container.tree import Tree
from sparring.serving.manifest import MANIFEST


def train() -> None:
    """Train in script mode: run the program that hyperparameter ``sagemaker_program`` names."""
    sys.exit(script_mode.main("train"))


def serve() -> None:
    """Serve what ``/opt/ml/model`` holds: a model package of ours, else the user's script."""
    tree = Tree.of_container()
    try:
        if (tree.model / MANIFEST).exists():
            from sparring.serving.packaged import PackagedModel

            answer(PackagedModel(tree.model))
        else:
            from sparring.sagemaker.container.handlers import ScriptPredictor

            answer(ScriptPredictor(tree))
    except SparringError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    train() if sys.argv[1:] == ["train"] else serve()
