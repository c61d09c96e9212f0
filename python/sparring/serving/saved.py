"""What Spark saved, read without Spark: a stage's metadata, MLlib's gradient-boosted trees.

A saved ``GBTClassificationModel`` is Parquet: a row a node in ``data`` (``treeID``, ``nodeData``) and a row a tree in
``treesMetadata`` (``treeID``, ``weights``); source: ``org.apache.spark.ml.tree.EnsembleModelReadWrite``, Spark 3.5.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from sparring.data import storage
from sparring.errors import PackageError
from sparring.serving.scorers import TreesScorer

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


def read_trees(folder: str) -> TreesScorer:
    """Return the trees of the model that MLlib saved in ``folder``.

    Raises
    ------
    PackageError
        If they are not as Spark 3.5 saves them, or a split is on categories: our features are numbers.
    """
    size = int(read_metadata(folder)["numFeatures"])
    try:
        weights = _table(folder, "treesMetadata").sort_by("treeID")["weights"].to_numpy()
        nodes = _table(folder, "data")
        node = nodes["nodeData"].combine_chunks()
        tree, number = nodes["treeID"].to_numpy(), _field(node, "id")
        children = [_field(node, "leftChild"), _field(node, "rightChild")]
        value, split = _field(node, "prediction"), pc.struct_field(node, "split")
        feature, categories = _field(split, "featureIndex"), _field(split, "numCategories")
        thresholds = pc.struct_field(split, "leftCategoriesOrThreshold")
    except (KeyError, OSError, pa.ArrowException) as error:
        raise PackageError(
            f"{folder} holds no boosted trees as Spark 3.5 saves them: {error}", "Train the contender on Spark 3.5."
        ) from error
    inner = children[0] != NONE
    if (categories[inner] != NONE).any():
        raise PackageError(
            f"{folder} splits on categories, which a server without Spark does not read",
            "Train on the prepared matrix, whose features are numbers.",
        )
    # Nodes are numbered within their tree: one sorted key finds them all.
    stride = int(number.max()) + 1
    order = np.argsort(tree * stride + number, kind="stable")
    keys = (tree.astype(np.int64) * stride + number)[order]
    own = np.arange(len(keys), dtype=np.int32)
    inner, tree = inner[order], tree[order].astype(np.int64)
    left, right = (
        np.where(inner, np.searchsorted(keys, tree * stride + child[order]), own).astype(np.int32) for child in children
    )
    threshold = np.zeros(len(keys))
    starts = thresholds.offsets.to_numpy()[:-1][order]
    threshold[inner] = thresholds.values.to_numpy()[starts[inner]]
    return TreesScorer(
        feature=np.where(inner, feature[order], 0).astype(np.int32),
        threshold=threshold,
        left=left,
        right=right,
        value=value[order].astype(np.float64),
        roots=np.searchsorted(keys, np.arange(len(weights), dtype=np.int64) * stride).astype(np.int32),
        weights=weights.astype(np.float64),
        size=size,
        depth=_depth(left, right),
    )


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
