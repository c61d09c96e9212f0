"""What Spark saved, read without Spark: a stage's metadata, MLlib's gradient-boosted trees.

A saved ``GBTClassificationModel`` or ``GBTRegressionModel`` is Parquet: a row a node in ``data`` (``treeID``,
``nodeData``) and a row a tree in ``treesMetadata`` (``treeID``, ``weights``); source:
``org.apache.spark.ml.tree.EnsembleModelReadWrite``, Spark 3.5.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from sparring.errors import PackageError
from sparring.io import storage
from sparring.models.trees import TreesModel

# Of a leaf's children, and of a split that is on a number.
NONE = -1


def read_metadata(folder: str) -> dict[str, Any]:
    """Return what Spark wrote of the stage that it saved in ``folder``: class, Params, counts.

    Raises
    ------
    PackageError
        If nothing was saved there.
    """
    system, inner = storage.filesystem(storage.join(folder, "metadata"))
    found = system.get_file_info(fs.FileSelector(inner, allow_not_found=True))
    parts = sorted(file.path for file in found if file.base_name.startswith("part-") and file.size)
    if not parts:
        raise PackageError(f"{folder} holds no saved stage of Spark", "Run the comparison again.")
    with system.open_input_stream(parts[0]) as stream:
        value: dict[str, Any] = json.loads(stream.read())
    return value


class _Nodes(NamedTuple):
    """The nodes of all trees, by tree and number; a node is known by its key, ``tree * stride + number``."""

    key: np.ndarray
    first: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    weights: np.ndarray

    @property
    def inner(self) -> np.ndarray:
        """Which nodes are no leaves."""
        return self.left != NONE

    def place(self, child: np.ndarray) -> np.ndarray:
        """Return where each node's child lies among all nodes; a leaf is its own child."""
        own = np.arange(len(self.key))
        return np.where(self.inner, np.searchsorted(self.key, self.first + child), own).astype(np.int32)


def read_trees(folder: str) -> TreesModel:
    """Return the trees of the model that MLlib saved in ``folder``.

    Raises
    ------
    PackageError
        If they are not as Spark 3.5 saves them, or a split is on categories: our features are numbers.
    """
    metadata = read_metadata(folder)
    try:
        nodes = _nodes(folder)
    except (KeyError, OSError, pa.ArrowException) as error:
        raise PackageError(
            f"{folder} holds no boosted trees as Spark 3.5 saves them: {error}", "Train the contender on Spark 3.5."
        ) from error
    left, right = nodes.place(nodes.left), nodes.place(nodes.right)
    return TreesModel(
        feature=np.where(nodes.inner, nodes.feature, 0).astype(np.int32),
        threshold=nodes.threshold,
        left=left,
        right=right,
        value=nodes.value,
        roots=np.searchsorted(nodes.key, np.unique(nodes.first)).astype(np.int32),
        weights=nodes.weights,
        size=int(metadata["numFeatures"]),
        depth=_depth(left, right),
        link="identity" if metadata["class"].endswith("GBTRegressionModel") else "logistic",
    )


def _nodes(folder: str) -> _Nodes:
    weights = _table(folder, "treesMetadata").sort_by("treeID")["weights"].to_numpy()
    table = _table(folder, "data")
    node = table["nodeData"].combine_chunks()
    split = pc.struct_field(node, "split")
    tree, number = table["treeID"].to_numpy().astype(np.int64), _field(node, "id")
    first = tree * (int(number.max()) + 1)
    thresholds = pc.struct_field(split, "leftCategoriesOrThreshold")
    left = _field(node, "leftChild")
    inner, threshold = left != NONE, np.zeros(len(tree))
    if (_field(split, "numCategories")[inner] != NONE).any():
        raise PackageError(
            f"{folder} splits on categories, which a server without Spark does not read",
            "Train on the prepared matrix, whose features are numbers.",
        )
    # A leaf has no threshold, a split on a number exactly one.
    threshold[inner] = thresholds.values.to_numpy()[thresholds.offsets.to_numpy()[:-1][inner]]
    columns = (
        *(first + number, first, left, _field(node, "rightChild")),
        *(_field(node, "prediction"), _field(split, "featureIndex"), threshold),
    )
    order = np.argsort(first + number)
    return _Nodes._make([*(column[order] for column in columns), weights])


def _depth(left: np.ndarray, right: np.ndarray) -> int:
    """Return how many steps lead from every root to a leaf; a leaf is its own child."""
    own = np.arange(len(left))
    depth, level = 0, own[left != own]
    while len(level):
        depth += 1
        below = np.concatenate([left[level], right[level]])
        level = np.unique(below[left[below] != below])
    return depth


def _field(array: pa.StructArray, name: str) -> np.ndarray:
    return pc.struct_field(array, name).to_numpy(zero_copy_only=False)


def _table(folder: str, name: str) -> pa.Table:
    system, inner = storage.filesystem(storage.join(folder, name))
    return ds.dataset(inner, filesystem=system, format="parquet").to_table()
