"""The public example scripts that ``example_scripts.py`` takes: where each is, its data, and what it is asked."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xgboost
from sklearn.datasets import load_digits, load_iris

EXAMPLES, SDK, XGBOOST = "amazon-sagemaker-examples", "sagemaker-python-sdk", "sagemaker-xgboost-container"
DRAWN = np.random.default_rng(0)
Files = dict[str, bytes]
CSV, JSON = "text/csv", "application/json"


@dataclass(frozen=True)
class Request:
    """What the endpoint is asked, and what the trained model says to the same."""

    body: bytes
    content_type: str
    accept: str
    expected: Callable[[Any], Any]


@dataclass(frozen=True)
class Example:
    """One script: where it is, what it is given, what is asked of what it trained."""

    repository: str
    script: str
    framework: str
    channels: Callable[[Path, Path], dict[str, Files]]
    request: Callable[[], Request]
    hyperparameters: dict[str, Any] = field(default_factory=dict)
    serves: str = ""
    besides: tuple[str, ...] = ()
    hosts: int = 1
    data: str = "drawn here, of the documented columns"
    note: str = ""


# -- data --------------------------------------------------------------------------------------------


def csv_of(values: Any, **given: Any) -> bytes:
    """Return rows as CSV, without header and index unless told otherwise."""
    return pd.DataFrame(values).to_csv(header=given.get("header", False), index=False).encode()


def arrays(**named: np.ndarray) -> Files:
    """Return arrays as ``.npy`` files."""

    def npy(array: np.ndarray) -> bytes:
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()

    return {f"{name}.npy": npy(array) for name, array in named.items()}


def npz(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Return digits as one ``.npz`` file."""
    stream = io.BytesIO()
    np.savez(stream, x=images, y=labels)
    return stream.getvalue()


def housing(rows: int) -> np.ndarray:
    """Return a price and eight features of it."""
    features = DRAWN.normal(size=(rows, 8))
    return np.column_stack([features @ np.arange(8) + DRAWN.normal(size=rows), features])


def flows(rows: int) -> pd.DataFrame:
    """Return the class of a network flow, one of the fifteen that the script reports, and ten numbers."""
    labels = np.arange(rows) % 15
    return pd.DataFrame(np.column_stack([labels, DRAWN.normal(size=(rows, 10)) + labels[:, None]])).rename(columns=str)


def abalone(rows: int) -> pd.DataFrame:
    """Return abalones as UCI has them, without header: sex, seven measures, rings."""
    measures = DRAWN.uniform(0.1, 1.0, size=(rows, 7)).round(3)
    table_of = pd.DataFrame(measures)
    table_of.insert(0, "sex", np.array(["M", "F", "I"])[np.arange(rows) % 3])
    return table_of.assign(rings=(measures.sum(axis=1) * 3).round())


def credit() -> Files:
    """Return encoded features of credits and whether they were paid back, in two files with a header."""
    features = DRAWN.normal(size=(300, 12))
    return {
        "train_features.csv": csv_of(features, header=True),
        "train_labels.csv": csv_of((features[:, 0] > 0).astype(int), header=True),
        "val_features.csv": csv_of(features[:100], header=True),
        "val_labels.csv": csv_of((features[:100, 0] > 0).astype(int), header=True),
    }


def claims() -> bytes:
    """Return insurance claims with the column ``fraud``."""
    features = pd.DataFrame(DRAWN.normal(size=(400, 6))).rename(columns="f{}".format)
    return features.assign(fraud=(features["f0"] > 0.5).astype(int)).to_csv(index=False).encode()


def selection() -> pd.DataFrame:
    """Return a hundred features and ``y``, which three of them make."""
    features = pd.DataFrame(DRAWN.normal(size=(120, 100))).rename(columns="x{}".format)
    return features.assign(y=features["x1"] * 3 - features["x7"] * 2 + features["x42"])


def shipped(folders: dict[str, str], repository: str = "") -> Callable[[Path, Path], dict[str, Files]]:
    """Return channels that are folders of a repository, else of the script's own folder: channel -> path."""

    def read(checkouts: Path, beside: Path) -> dict[str, Files]:
        root = next(checkouts.glob(f"{repository}*")) if repository else beside
        return {
            channel: {file.name: file.read_bytes() for file in sorted((root / path).iterdir()) if file.is_file()}
            for channel, path in folders.items()
        }

    return read


# -- requests ----------------------------------------------------------------------------------------


def rows_request(rows: np.ndarray, content_type: str = CSV, accept: str = JSON) -> Request:
    """Ask for some rows; scikit-learn's image makes float32 of them."""
    body = csv_of(rows) if content_type == CSV else json.dumps(rows.tolist()).encode()
    return Request(body, content_type, accept, lambda model: model.predict(rows.astype(np.float32)))


def boosted_request(rows: np.ndarray) -> Request:
    """Ask an XGBoost model for some rows of CSV."""
    return Request(csv_of(rows), CSV, CSV, lambda model: model.predict(xgboost.DMatrix(rows), validate_features=False))


ABALONE = "11 1:1 2:0.53 3:0.42 4:0.135 5:0.677 6:0.2565 7:0.1415 8:0.21\n"


def abalone_matrix(text: str) -> xgboost.DMatrix:
    """Return libsvm rows as XGBoost's own reader does."""
    with tempfile.NamedTemporaryFile("w", suffix=".libsvm") as file:
        file.write(text)
        file.flush()
        return xgboost.DMatrix(f"{file.name}?format=libsvm")


def abalone_request(accept: str = JSON) -> Request:
    """Ask for one row of libsvm text."""
    return Request(ABALONE.encode(), "text/libsvm", accept, lambda model: model.predict(abalone_matrix(ABALONE)))


def explained_request() -> Request:
    """Ask for one row's prediction and its features' contributions."""

    def expected(model: Any) -> np.ndarray:
        matrix = abalone_matrix(ABALONE)
        return np.append(model.predict(matrix), model.predict(matrix, pred_contribs=True)[0])

    return Request(ABALONE.encode(), "text/libsvm", CSV, expected)


def transformed_request(rows: pd.DataFrame, **given: Any) -> Request:
    """Ask a preprocessor for rows; it answers ``{"instances": [{"features": [...]}]}``."""

    def expected(model: Any) -> np.ndarray:
        names = getattr(model, "feature_names_in_", None)
        frame = rows.set_axis(names, axis=1) if names is not None else rows
        return model.transform(frame)

    return Request(csv_of(rows, **given), CSV, JSON, expected)


def network_request(rows: np.ndarray) -> Request:
    """Ask a PyTorch model, whose script answers for the first row."""

    def expected(model: Any) -> Any:
        import torch

        return model(torch.tensor(rows).float()).detach().numpy()[0]

    return Request(json.dumps(rows.tolist()).encode(), JSON, JSON, expected)


def iris_request() -> Request:
    """Ask for the classes of three flowers."""
    return rows_request(load_iris().data[::50])


def first_row(answer_of: Callable[[Any], Any]) -> Callable[[], Request]:
    """Ask the script that takes ``{"Input": ...}`` and answers ``{"Output": ...}``."""
    rows = [[0.5, 1.5, -0.5]]
    return lambda: Request(
        json.dumps({"Input": rows}).encode(), JSON, JSON, lambda model: answer_of(model.predict(rows))
    )


def classes() -> bytes:
    """Return three features, a class and its number."""
    features = pd.DataFrame(DRAWN.normal(size=(100, 3))).rename(columns="f{}".format)
    number = (features["f0"] * 10).astype(int)
    return features.assign(**{"class": number.astype(str), "class_cat": number}).to_csv(index=False).encode()


DIGITS = load_digits()
ABALONE_PARAMETERS = {"max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6, "subsample": 0.7, "num_round": 20}
ABALONE_PARAMETERS |= {"objective": "reg:squarederror"}
ABALONE_FOLDER = "test/resources/abalone/data"
ABALONE_CHANNELS = shipped({name: f"{ABALONE_FOLDER}/{name}" for name in ("train", "validation")}, XGBOOST)
SHIPS = "the XGBoost container's repository ships it"
SCRIPTS = [
    Example(
        EXAMPLES,
        "*archived/scikit_learn_iris/scikit_learn_iris.py",
        "scikit-learn",
        lambda *_: {"train": {"iris.csv": csv_of(np.column_stack([load_iris().target, load_iris().data]))}},
        iris_request,
        {"max_leaf_nodes": 30},
        data="Fisher's irises, of scikit-learn",
    ),
    Example(
        EXAMPLES,
        "*deploy_and_monitor/sm-inference_pipeline_with_scikit_linear_learner/sklearn_abalone_featurizer.py",
        "scikit-learn",
        lambda *_: {"train": {"abalone.csv": csv_of(abalone(200))}},
        lambda: transformed_request(abalone(3).drop(columns="rings")),
        note="answers with a response object of sagemaker_containers",
    ),
    Example(
        EXAMPLES,
        "*archived/custom-feature-selection/sklearn_feature_selection.py",
        "scikit-learn",
        lambda *_: {"train": {"train.csv": selection().to_csv(index=False).encode()}},
        lambda: transformed_request(selection().drop(columns="y").head(2), header=True),
        note="answers with a response object of sagemaker_containers",
    ),
    Example(
        EXAMPLES,
        "*archived/sklearn/train.py",
        "scikit-learn",
        lambda *_: {"train": {"train.csv": classes()}},
        first_row(lambda scores: int(scores[0])),
        {"estimators": 20},
        note="answers with a dict",
    ),
    Example(
        EXAMPLES,
        "*deploy_and_monitor/sm-shadow_variant_shadow_api/code/randomforest.py",
        "scikit-learn",
        lambda *_: {
            "train": {"train.csv": flows(300).to_csv(index=False).encode()},
            "validation": {"newval.csv": flows(60).to_csv(index=False).encode()},
        },
        lambda: rows_request(flows(15).to_numpy()[:, 1:]),
    ),
    Example(
        EXAMPLES,
        "*deploy_and_monitor/sm-shadow_variant_shadow_api/code/histgradientboost.py",
        "scikit-learn",
        lambda *_: {
            "train": {"train.csv": flows(300).to_csv(index=False).encode()},
            "validation": {"val.csv": flows(60).to_csv(index=False).encode()},
        },
        lambda: rows_request(flows(15).to_numpy()[:, 1:], JSON, CSV),
        {"maxiter": 5},
    ),
    Example(
        EXAMPLES,
        "*archived/sagemaker-script-mode/scikitlearn_script/train_deploy_scikitlearn_without_dependencies.py",
        "scikit-learn",
        lambda *_: {"train": {"train.csv": csv_of(housing(200))}, "test": {"test.csv": csv_of(housing(50))}},
        lambda: rows_request(housing(3)[:, 1:], JSON),
        {"n-estimators": 10, "max-depth": 5},
        note="imports sagemaker_training",
    ),
    Example(
        SDK,
        "tests/data/sklearn_mnist/mnist.py",
        "scikit-learn",
        lambda *_: {
            "train": {"train.npz": npz(DIGITS.data[:600] * 16, DIGITS.target[:600])},
            "test": {"test.npz": npz(DIGITS.data[600:700] * 16, DIGITS.target[600:700])},
        },
        lambda: rows_request(DIGITS.data[700:705] / 16, accept=CSV),
        data="digits of 8x8, of scikit-learn",
    ),
    Example(
        EXAMPLES,
        "*build_and_train_models/sm-regression_xgboost/abalone.py",
        "xgboost",
        ABALONE_CHANNELS,
        explained_request,
        ABALONE_PARAMETERS,
        serves="inference.py",
        data=SHIPS,
        note="trained and served by two scripts; imports sagemaker_xgboost_container",
    ),
    Example(
        EXAMPLES,
        "*build_and_train_models/sm-regression_xgboost/abalone.py",
        "xgboost",
        ABALONE_CHANNELS,
        abalone_request,
        ABALONE_PARAMETERS,
        hosts=2,
        data=SHIPS,
        note="on two hosts, joined by rabit_run; served by its own model_fn and the image's defaults",
    ),
    Example(
        XGBOOST,
        "test/resources/abalone/abalone_distributed.py",
        "xgboost",
        ABALONE_CHANNELS,
        lambda: abalone_request(CSV),
        ABALONE_PARAMETERS,
        hosts=2,
        data=SHIPS,
        note="on two hosts",
    ),
    Example(
        SDK,
        "tests/data/xgboost_abalone/abalone.py",
        "xgboost",
        ABALONE_CHANNELS,
        abalone_request,
        data=SHIPS,
    ),
    Example(
        EXAMPLES,
        "*archived/sagemaker-script-mode/xgboost_script/train_deploy_xgboost_with_dependencies.py",
        "xgboost",
        lambda *_: {"train": {"train.csv": csv_of(housing(200))}},
        lambda: boosted_request(housing(3)[:, 1:]),
        {"num_round": 6, "K": 3, "max_depth": 3},
        besides=("../my_custom_library",),
        note="a library of its own beside it",
    ),
    Example(
        EXAMPLES,
        "*archived/clarify-explainability-inference-pipelines/training/train_xgboost.py",
        "xgboost",
        lambda *_: {"train": credit(), "validation": credit()},
        lambda: Request(
            json.dumps(DRAWN_CREDITS.tolist()).encode(),
            JSON,
            JSON,
            lambda model: model.predict(xgboost.DMatrix(DRAWN_CREDITS)),
        ),
        {"num_round": 10},
        serves="../inference/xgboost/inference.py",
    ),
    Example(
        EXAMPLES,
        "*archived/sagemaker-script-mode/pytorch_script/train_deploy_pytorch_without_dependencies.py",
        "pytorch",
        lambda *_: {
            "train": arrays(x_train=housing(200)[:, 1:], y_train=housing(200)[:, 0]),
            "test": arrays(x_test=housing(50)[:, 1:], y_test=housing(50)[:, 0]),
        },
        lambda: network_request(housing(1)[:, 1:]),
        {"epochs": 2},
        besides=("pytorch_model_def.py",),
    ),
    Example(
        SDK,
        "tests/data/modules/script_mode/custom_script.py",
        "pytorch",
        shipped({"train": "data/train", "test": "data/test"}),
        lambda: network_request(housing(1)[:, 1:]),
        {"epochs": 2},
        besides=("pytorch_model_def.py",),
        data="its repository ships it",
    ),
    Example(
        SDK,
        "tests/data/modules/local_script/local_training_script.py",
        "pytorch",
        shipped({"train": "data/train", "test": "data/test"}),
        lambda: network_request(housing(1)[:, 1:]),
        besides=("pytorch_model_def.py",),
        data="its repository ships it",
        note="names /opt/ml/input/data itself",
    ),
    Example(
        EXAMPLES,
        "*archived/multi_model_linear_learner_home_value/sklearn_preprocessor.py",
        "scikit-learn",
        lambda *_: {"train": {"train.csv": csv_of(housing(20))}},
        iris_request,
        note="needs sklearn.externals, which scikit-learn 0.23 took away",
    ),
    Example(
        EXAMPLES,
        "*archived/getting_started/xgboost_customer_churn.py",
        "xgboost",
        lambda *_: {"train": {"t.csv": csv_of(housing(20))}, "validation": {"v.csv": csv_of(housing(20))}},
        iris_request,
        note="needs SageMaker Debugger's smdebug, which is not installed",
    ),
]
DRAWN_CREDITS = DRAWN.normal(size=(3, 12))
