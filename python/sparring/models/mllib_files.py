"""What Spark saved, read without Spark: a stage's metadata, MLlib's trees, boosted, as a forest or alone.

A saved ensemble is Parquet: a row a node in ``data`` (``treeID``, ``nodeData``) and a row a tree in ``treesMetadata``
(``treeID``, ``weights``); source: ``org.apache.spark.ml.tree.EnsembleModelReadWrite``, Spark 3.5.  A single tree has
its nodes in ``data`` as they are.
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
BOOSTED = "GBT"
SINGLE = "DecisionTree"


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
    kind = metadata["class"].rpartition(".")[2]
    try:
        nodes = _nodes(folder, kind)
    except (KeyError, OSError, pa.ArrowException) as error:
        raise PackageError(
            f"{folder} holds no trees as Spark 3.5 saves them: {error}", "Train the contender on Spark 3.5."
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
        link=_link(kind),
    )


def _nodes(folder: str, kind: str) -> _Nodes:
    table = _table(folder, "data").combine_chunks()
    if kind.startswith(SINGLE):
        node, tree, weights = table.to_struct_array().combine_chunks(), np.zeros(len(table), dtype=np.int64), np.ones(1)
    else:
        node, tree = table["nodeData"].combine_chunks(), table["treeID"].to_numpy().astype(np.int64)
        weights = _table(folder, "treesMetadata").sort_by("treeID")["weights"].to_numpy()
    if not kind.startswith(BOOSTED):
        # Each tree of a forest has one vote, whatever is stored as its weight.
        weights = np.full(len(weights), 1 / len(weights))
    split, number = pc.struct_field(node, "split"), _field(node, "id")
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
        *(_leaf_values(node, kind), _field(split, "featureIndex"), threshold),
    )
    order = np.argsort(first + number)
    return _Nodes._make([*(column[order] for column in columns), weights])


def _link(kind: str) -> str:
    if "Classification" not in kind:
        return "identity"
    return "logistic" if kind.startswith(BOOSTED) else "shares"


def _leaf_values(node: pa.StructArray, kind: str) -> np.ndarray:
    """Return what a node says of a row that ends there: an estimate, or the shares of its classes."""
    if kind.startswith(BOOSTED) or "Classification" not in kind:
        return _field(node, "prediction")
    counts = pc.struct_field(node, "impurityStats").flatten().to_numpy().reshape(len(node), -1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return shares[:, 1] if shares.shape[1] == 2 else shares


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
