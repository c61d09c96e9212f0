"""The image's two programs, ``train`` and ``serve``.

Outside an image they are called ``sparring-train`` and ``sparring-serve``; the image links the short names to them.
"""

from __future__ import annotations

import sys

from sparring.container import run_serving, script_mode
from sparring.container.serving import Predict
from sparring.container.tree import Tree
from sparring.container.xgboost_import import import_xgboost_without_sklearn
from sparring.serving.manifest import MANIFEST


def train() -> None:
    """Train in script mode: run the program that hyperparameter ``sagemaker_program`` names."""
    sys.exit(script_mode.main("train"))


def serve() -> None:
    """Serve what ``/opt/ml/model`` holds: a model package of ours, else the user's script."""
    sys.exit(run_serving(_predictor))


def _predictor() -> Predict:
    tree = Tree.of_container()
    if (tree.model / MANIFEST).exists():
        from sparring.models import XGBoostModel
        from sparring.serving.packaged import PackagedModel

        if (tree.model / XGBoostModel.file_name).exists():
            import_xgboost_without_sklearn()
        return PackagedModel(tree.model)
    from sparring.container.handlers import ScriptPredictor

    return ScriptPredictor(tree)


if __name__ == "__main__":
    train() if sys.argv[1:] == ["train"] else serve()
