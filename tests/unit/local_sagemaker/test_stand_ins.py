"""The stand-ins against the same algorithm run directly, and the contract that all of them share."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import urllib3
from scipy.optimize import check_grad
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA, LatentDirichletAllocation
from sklearn.linear_model import ElasticNet, LogisticRegression, QuantileRegressor, Ridge
from sklearn.metrics import f1_score, precision_score, recall_score

from sparring.container import AcceptError, ContentError, TrainingEnvironment
from sparring.wire import Rows, codec
from sparring.wire.answers import decode_answers
from sparring_local_sagemaker.algorithms import factorization_machines, kmeans, lda, linear_learner, pca
from sparring_local_sagemaker.algorithms.hyperparameters import ClientError
from sparring_local_sagemaker.algorithms.losses import LOSSES
from sparring_local_sagemaker.algorithms.quality import best_threshold
from sparring_local_sagemaker.algorithms.stand_in import Algorithm, Predictor, main, train

RECORDIO, CSV, JSON, JSON_LINES = (
    "application/x-recordio-protobuf",
    "text/csv",
    "application/json",
    "application/jsonlines",
)
WIDTH, COUNT = 5, 400
LL, FM = linear_learner.ALGORITHM, factorization_machines.ALGORITHM
BINARY, REGRESSOR = {"predictor_type": "binary_classifier"}, {"predictor_type": "regressor"}
MULTI = {"predictor_type": "multiclass_classifier", "num_classes": "3"}
GIVEN: list[tuple[Algorithm, dict[str, str]]] = [
    (LL, BINARY),
    (LL, MULTI),
    (LL, REGRESSOR),
    (kmeans.ALGORITHM, {"k": "4", "feature_dim": "5"}),
    (pca.ALGORITHM, {"num_components": "2", "feature_dim": "5", "mini_batch_size": "100"}),
    (lda.ALGORITHM, {"num_topics": "3", "feature_dim": "5", "mini_batch_size": "400", "max_iterations": "10"}),
    (FM, {**BINARY, "num_factors": "2", "feature_dim": "5"}),
    (FM, {**REGRESSOR, "num_factors": "2", "feature_dim": "5"}),
]
NAMES = [f"{algorithm.repository}-{given.get('predictor_type', '')}" for algorithm, given in GIVEN]


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    random = np.random.default_rng(5)
    mixed = random.normal(size=(COUNT, WIDTH)) @ random.normal(size=(WIDTH, WIDTH)) + [0, 3, -2, 10, 0]
    return mixed.astype(np.float32)


def labelled(features: np.ndarray, given: dict[str, str]) -> Rows:
    """Rows with labels of the predictor's kind; whole, non-negative features for LDA."""
    score = features @ np.array([1, -1, 0.5, 0, 0.3]) + np.random.default_rng(2).normal(size=len(features))
    kind = given.get("predictor_type")
    if kind == "regressor":
        return Rows(features, score)
    if kind == "multiclass_classifier":
        return Rows(features, np.digitize(score, np.quantile(score, [0.3, 0.7])).astype(float))
    if kind == "binary_classifier":
        return Rows(features, (score > np.median(score)).astype(float))
    return Rows(np.floor(np.abs(features)) if "num_topics" in given else features)


def job(
    base: Path, given: dict[str, str], channels: dict[str, Rows | None], content_type: str = RECORDIO
) -> TrainingEnvironment:
    for folder in ("input/config", "model"):
        (base / folder).mkdir(parents=True)
    for name, rows in channels.items():
        (base / "input/data" / name).mkdir(parents=True)
        if rows is not None:
            (base / "input/data" / name / "part-0").write_bytes(codec(content_type).encode(rows))
    config = {name: {"ContentType": content_type} for name in channels}
    (base / "input/config/hyperparameters.json").write_text(json.dumps(given))
    (base / "input/config/inputdataconfig.json").write_text(json.dumps(config))
    return TrainingEnvironment(base, given, config)


def fitted(
    algorithm: Algorithm, given: dict[str, str], rows: Rows, base: Path, **channels: Rows
) -> tuple[Predictor, dict[str, np.ndarray]]:
    """The served model, and its answers to the rows without labels."""
    environment = job(base, given, {"train": rows, **channels})
    train(algorithm, environment)
    predictor = Predictor(algorithm, environment.model)
    return predictor, answers(predictor, rows)


def answers(
    predictor: Predictor, rows: Rows, content_type: str = RECORDIO, accept: str = JSON
) -> dict[str, np.ndarray]:
    body, kind = predictor(codec(content_type).encode(Rows(rows.features)), content_type, accept)
    return decode_answers(body, kind, predictor.format.fields, rows.count)


def standard(features: np.ndarray) -> np.ndarray:
    wide = features.astype(float)
    return (wide - wide.mean(axis=0)) / wide.std(axis=0)


def test_a_binary_linear_learner_is_logistic_regression(tmp_path: Path, features: np.ndarray) -> None:
    rows = labelled(features, BINARY)
    _, found = fitted(LL, {**BINARY, "wd": "0.01"}, rows, tmp_path)
    model = LogisticRegression(C=1 / (0.01 * COUNT), tol=1e-10, max_iter=10_000).fit(standard(features), rows.labels)
    assert np.allclose(found["score"], model.predict_proba(standard(features))[:, 1], atol=1e-5)


def test_a_multiclass_linear_learner_is_multinomial_regression(tmp_path: Path, features: np.ndarray) -> None:
    rows = labelled(features, MULTI)
    _, found = fitted(LL, {**MULTI, "wd": "0.01"}, rows, tmp_path)
    model = LogisticRegression(C=1 / (0.01 * COUNT), tol=1e-10, max_iter=10_000).fit(standard(features), rows.labels)
    assert np.allclose(found["score"], model.predict_proba(standard(features)), atol=1e-4)
    assert np.array_equal(found["predicted_label"], model.predict(standard(features)))


@pytest.mark.parametrize(("wd", "l1"), [("0.1", "0"), ("0.1", "0.05")])
def test_a_linear_regressor_is_ridge_or_elastic_net(tmp_path: Path, features: np.ndarray, wd: str, l1: str) -> None:
    rows = labelled(features, REGRESSOR)
    labels = rows.labels
    assert labels is not None
    _, found = fitted(LL, {**REGRESSOR, "wd": wd, "l1": l1}, rows, tmp_path)
    labels = labels.astype(np.float32).astype(float)
    target = (labels - labels.mean()) / labels.std()
    strength = float(wd) + float(l1)
    model = Ridge(float(wd) * COUNT) if l1 == "0" else ElasticNet(strength, l1_ratio=float(l1) / strength, tol=1e-10)
    expected = model.fit(standard(features), target).predict(standard(features)) * labels.std() + labels.mean()
    assert np.allclose(found["score"], expected, atol=1e-4)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_quantile_loss_comes_near_the_linear_programme(tmp_path: Path, features: np.ndarray, share: float) -> None:
    """The loss has corners, where L-BFGS stops a little early."""
    rows = labelled(features, REGRESSOR)
    assert rows.labels is not None
    given = {**REGRESSOR, "loss": "quantile_loss", "quantile": str(share), "normalize_label": "false"}
    _, found = fitted(LL, given, rows, tmp_path)
    model = QuantileRegressor(quantile=share, alpha=0).fit(standard(features), rows.labels)
    loss = LOSSES["regressor"]["quantile_loss"]
    ours, best = (
        loss(score, rows.labels, {"quantile": share})[0].mean()
        for score in (found["score"], model.predict(standard(features)))
    )
    assert best - 1e-6 <= ours < best * 1.01


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, losses in LOSSES.items() for name in losses])
def test_every_loss_has_its_derivative(kind: str, name: str) -> None:
    random = np.random.default_rng(1)
    several = kind == "multiclass_classifier"
    labels = random.integers(0, 3 if several else 2, 30).astype(float)
    parameters = {"margin": 1.0, "loss_insensitivity": 0.1, "quantile": 0.3, "huber_delta": 0.5}
    loss, shape = LOSSES[kind][name], (30, 3) if several else (30,)
    error = check_grad(
        lambda s: loss(s.reshape(shape), labels, parameters)[0].sum(),
        lambda s: loss(s.reshape(shape), labels, parameters)[1].ravel(),
        random.normal(size=shape).ravel(),
    )
    assert error < 1e-5


@pytest.mark.parametrize("loss", [*LOSSES["binary_classifier"], *LOSSES["regressor"]])
def test_every_loss_learns(tmp_path: Path, features: np.ndarray, loss: str) -> None:
    given = BINARY if loss in LOSSES["binary_classifier"] else REGRESSOR
    rows = labelled(features, given)
    assert rows.labels is not None
    _, found = fitted(LL, {**given, "loss": loss}, rows, tmp_path)
    if given is BINARY:
        assert (found["predicted_label"] == rows.labels).mean() > 0.85
    else:
        assert ((found["score"] - rows.labels) ** 2).mean() < 0.15 * rows.labels.var()


@pytest.mark.parametrize(
    "criterion", ["accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision"]
)
def test_the_threshold_is_the_best_of_all(criterion: str) -> None:
    random = np.random.default_rng(7)
    labels = (random.random(60) < 0.3).astype(float)
    score = np.round(np.clip(labels * 0.3 + random.random(60) * 0.7, 0, 1), 2)
    parameters = {
        "binary_classifier_model_selection_criteria": criterion,
        "f_beta": 1.0,
        "target_recall": 0.8,
        "target_precision": 0.6,
    }

    def worth(threshold: float) -> float:
        predicted = score > threshold
        precision = precision_score(labels, predicted, zero_division=0)
        recall = recall_score(labels, predicted)
        return {
            "accuracy": (predicted == labels).mean(),
            "f_beta": f1_score(labels, predicted, zero_division=0),
            "precision_at_target_recall": precision if recall >= 0.8 else -1,
            "recall_at_target_precision": recall if precision >= 0.6 else -1,
        }[criterion]

    found = best_threshold(score, labels, parameters)
    assert found is not None
    assert worth(found) == pytest.approx(max(worth(t) for t in np.arange(-0.005, 1.01, 0.01)))


def test_the_threshold_comes_from_the_validation_rows(tmp_path: Path, features: np.ndarray) -> None:
    rows = labelled(features, BINARY)
    assert rows.labels is not None
    other = Rows(rows.features, np.ones(COUNT))
    _, found = fitted(LL, BINARY, rows, tmp_path, validation=other)
    assert (found["predicted_label"] == 1).all()


def test_kmeans_is_scikit_learns(tmp_path: Path, features: np.ndarray) -> None:
    _, found = fitted(*GIVEN[3], Rows(features), tmp_path)
    model = KMeans(4, n_init=10, random_state=0).fit(features.astype(float))
    distances = model.transform(features.astype(float))
    assert np.array_equal(found["closest_cluster"], distances.argmin(axis=1))
    assert np.allclose(found["distance_to_cluster"], distances.min(axis=1), atol=1e-4)


@pytest.mark.parametrize("mode", ["regular", "randomized"])
def test_pca_is_scikit_learns_with_the_largest_component_last(tmp_path: Path, features: np.ndarray, mode: str) -> None:
    _, found = fitted(pca.ALGORITHM, {**GIVEN[4][1], "algorithm_mode": mode}, Rows(features), tmp_path)
    expected = PCA(2).fit_transform(features.astype(float))[:, ::-1]
    assert np.allclose(np.abs(found["projection"]), np.abs(expected), rtol=1e-4, atol=1e-3)
    assert found["projection"].var(axis=0)[1] > found["projection"].var(axis=0)[0]


def test_lda_is_scikit_learns(tmp_path: Path, features: np.ndarray) -> None:
    rows = labelled(features, GIVEN[5][1])
    _, found = fitted(*GIVEN[5], rows, tmp_path)
    model = LatentDirichletAllocation(3, doc_topic_prior=1 / 3, max_iter=10, learning_method="batch", random_state=0)
    assert np.allclose(found["topic_mixture"], model.fit_transform(rows.features.astype(float)), atol=1e-5)


def test_a_factorization_machine_scores_all_pairs() -> None:
    random = np.random.default_rng(3)
    state = {"bias": random.normal(size=1), "linear": random.normal(size=6), "factors": random.normal(size=(6, 3))}
    rows = random.normal(size=(10, 6)) * (random.random((10, 6)) < 0.5)
    pairs = state["factors"] @ state["factors"].T
    slow = [
        state["bias"][0]
        + row @ state["linear"]
        + sum(pairs[i, j] * row[i] * row[j] for i in range(6) for j in range(i))
        for row in rows
    ]
    for given in (rows, csr_matrix(rows)):
        assert np.allclose(factorization_machines.linear(state, given), slow)


@pytest.mark.parametrize("kind", ["binary_classifier", "regressor"])
def test_a_factorization_machine_has_its_derivative(kind: str) -> None:
    random = np.random.default_rng(4)
    rows, labels = random.normal(size=(12, 4)), random.integers(0, 2, 12).astype(float)
    shapes = {"bias": (1,), "linear": (4,), "factors": (4, 2)}

    def state_of(theta: np.ndarray) -> dict[str, np.ndarray]:
        return {"bias": theta[:1], "linear": theta[1:5], "factors": theta[5:].reshape(4, 2)}

    def both(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, slopes = factorization_machines.loss_and_slopes(state_of(theta), rows, labels, {"predictor_type": kind})
        return value, np.concatenate([slopes[name].ravel() for name in shapes])

    assert check_grad(lambda t: both(t)[0], lambda t: both(t)[1], random.normal(size=13)) < 1e-5


def test_a_factorization_machine_learns_what_no_linear_model_can(tmp_path: Path) -> None:
    random = np.random.default_rng(6)
    features = random.choice([-1, 1], (2_000, 5)).astype(np.float32)
    rows = Rows(csr_matrix(features), (features[:, 0] * features[:, 1] > 0).astype(float))
    given = {**GIVEN[6][1], "epochs": "60", "factors_lr": "0.02", "mini_batch_size": "200", "factors_init_sigma": "0.1"}
    _, found = fitted(FM, given, rows, tmp_path)
    assert (found["predicted_label"] == rows.labels).mean() > 0.99


# What all of them share.


@pytest.mark.parametrize(("algorithm", "given"), GIVEN, ids=NAMES)
def test_every_request_and_answer_format_says_the_same(
    tmp_path: Path,
    features: np.ndarray,
    algorithm: Algorithm,
    given: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = labelled(features, given)
    predictor, expected = fitted(algorithm, given, rows, tmp_path)
    sparse = Rows(csr_matrix(rows.features))
    kinds = [RECORDIO, JSON, JSON_LINES, *([CSV] if algorithm.csv else [])]
    for content_type in kinds:
        for accept in kinds:
            for given_rows in (rows, *([sparse] if content_type != CSV else [])):
                found = answers(predictor, given_rows[:7], content_type, accept)
                assert all(np.allclose(found[name], expected[name][:7], atol=1e-5) for name in expected)
    # Without Accept it is JSON.
    assert predictor(codec(RECORDIO).encode(Rows(rows.features[:1])), RECORDIO, "*/*")[1] == JSON
    log = capsys.readouterr().out
    assert log.startswith(f"local STAND-IN of SageMaker's {algorithm.repository}: ")


@pytest.mark.parametrize(("algorithm", "given"), GIVEN, ids=NAMES)
def test_the_contract_is_refused_when_broken(
    tmp_path: Path, features: np.ndarray, algorithm: Algorithm, given: dict[str, str]
) -> None:
    rows = labelled(features, given)

    def refused(message: str, changed: dict[str, str] | None = None, **channels: Rows | None) -> None:
        folder = tmp_path / re.sub(r"\W", "", message)[:60]
        environment = job(folder, changed or given, channels or {"train": rows})
        with pytest.raises(ClientError, match="^ClientError: .*" + message):
            train(algorithm, environment)
        assert not list(environment.model.iterdir())

    required = [name for name, one in algorithm.table.items() if one.required]
    refused(rf"No value\(s\) were specified for '{required[0]}'", {"epochs": "1"})
    refused(r"Additional hyperparameters are not allowed \('nonsense' was unexpected", {**given, "nonsense": "1"})
    refused("feature_dim: 0 is not integer in", {**given, "feature_dim": "0"})
    refused("feature_dim: 'x' is not of type integer", {**given, "feature_dim": "x"})
    refused("channel train has 5 features, expected are 6", {**given, "feature_dim": "6"})
    refused("the train channel has no row", train=None)
    refused(r"Additional channels are not allowed \('other' was unexpected", train=rows, other=rows)
    refused("channel test has 2 features, expected are 5", train=rows, test=Rows(rows.features[:, :2], rows.labels))
    if algorithm.labels:
        refused("have no label", train=Rows(rows.features))
    missing = rows.features.copy()
    missing[3, 1] = np.nan
    refused("a value that is missing or not finite", train=Rows(missing, rows.labels))
    environment = job(tmp_path / "libsvm", given, {"train": rows}, "text/libsvm")
    with pytest.raises(ClientError, match="content type 'text/libsvm' of channel train is none of"):
        train(algorithm, environment)
    predictor, _ = fitted(algorithm, given, rows, tmp_path / "good")
    with pytest.raises(ContentError, match="'text/libsvm' is none of"):
        predictor(b"0 1:1", "text/libsvm", "")
    with pytest.raises(AcceptError, match="Accept 'image/png' is none of"):
        predictor(b"", RECORDIO, "image/png")
    with pytest.raises(ValueError, match="a row has 2 features, the model 5"):
        predictor(b'{"instances":[{"features":[1,2]}]}', JSON, "")
    with pytest.raises(ValueError, match="the body is not application/json: "):
        predictor(b'{"rows":[1]}', JSON, "")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({**BINARY, "loss": "huber_loss"}, "loss huber_loss is not for a binary_classifier"),
        ({"predictor_type": "multiclass_classifier"}, "No value.* for 'num_classes'"),
        ({**MULTI, "num_classes": "2"}, r"num_classes: 2 is not integer in \[3, 1000000\]"),
        ({**BINARY, "wd": "-1"}, r"wd: -1 is not number in \[0, inf\) or auto"),
        ({**BINARY, "use_bias": "maybe"}, "use_bias: 'maybe' is not of type true or false"),
        ({**BINARY, "positive_example_weight_mult": "0"}, "is not number in .* or balanced or auto"),
    ],
)
def test_linear_learner_refuses_what_contradicts_itself(
    tmp_path: Path, features: np.ndarray, given: dict[str, str], message: str
) -> None:
    with pytest.raises(ClientError, match=message):
        train(LL, job(tmp_path, given, {"train": labelled(features, given)}))


def test_labels_out_of_range_are_refused(tmp_path: Path, features: np.ndarray) -> None:
    rows = labelled(features, REGRESSOR)
    for number, (algorithm, given) in enumerate(((LL, BINARY), (LL, MULTI), GIVEN[6])):
        with pytest.raises(ClientError, match=r"labels of a .* must be 0"):
            train(algorithm, job(tmp_path / str(number), given, {"train": rows}))


def test_metrics_are_printed_as_cloudwatch_shows_them(
    tmp_path: Path, features: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {**GIVEN[3][1], "eval_metrics": '["msd","ssd"]', "epochs": "3"}
    _, found = fitted(kmeans.ALGORITHM, given, Rows(features), tmp_path, test=Rows(features[:50]))
    squared = found["distance_to_cluster"][:50] ** 2
    log = capsys.readouterr().out
    for name, wanted in (("msd", squared.mean()), ("ssd", squared.sum())):
        value = re.search(rf"^#quality_metric: host=algo-1, test {name} <loss>=(\S+)$", log, re.MULTILINE)
        assert value
        assert float(value[1]) == pytest.approx(wanted, rel=1e-5)
    assert "checked, but without effect in this stand-in: epochs" in log


def test_csv_is_trained_on_with_the_label_first(tmp_path: Path, features: np.ndarray) -> None:
    rows = labelled(features, BINARY)
    _, expected = fitted(LL, BINARY, rows, tmp_path / "a")
    environment = job(tmp_path / "b", BINARY, {"train": rows}, CSV)
    train(LL, environment)
    assert np.allclose(answers(Predictor(LL, environment.model), rows)["score"], expected["score"], atol=1e-6)
    with pytest.raises(ClientError, match="content type 'text/csv' of channel train is none of"):
        train(FM, job(tmp_path / "c", GIVEN[6][1], {"train": rows}, CSV))


@pytest.mark.parametrize("sharded", [True, False])
def test_of_several_hosts_the_first_one_trains(tmp_path: Path, features: np.ndarray, sharded: bool) -> None:
    algorithm, given = GIVEN[3]
    for host in ("algo-1", "algo-2"):
        environment = job(tmp_path / host, given, {"train": Rows(features)})
        config: dict[str, Any] = {"current_host": host, "hosts": ["algo-2", "algo-1"]}
        (environment.base / "input/config/resourceconfig.json").write_text(json.dumps(config))
        if sharded:
            environment.channels["train"]["S3DistributionType"] = "ShardedByS3Key"
            with pytest.raises(ClientError, match="kmeans does not train on shards"):
                train(algorithm, environment)
        else:
            train(algorithm, environment)
            assert bool(list(environment.model.iterdir())) == (host == "algo-1")


def test_the_programs_run_as_processes(tmp_path: Path, features: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training fails with its reason in the failure file, then succeeds; serving answers until SIGTERM."""
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))
    job(tmp_path, {"k": "4"}, {"train": Rows(features)})
    assert main(kmeans.ALGORITHM, "train") == 1
    assert "'feature_dim' which are required" in (tmp_path / "output/failure").read_text()
    (tmp_path / "input/config/hyperparameters.json").write_text(json.dumps(GIVEN[3][1]))
    assert main(kmeans.ALGORITHM, "train") == 0
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", kmeans.__name__, "serve"], env=variables)
    try:
        pool = urllib3.PoolManager(
            retries=urllib3.Retry(total=2_000, connect=2_000, backoff_factor=0.1, backoff_max=0.2)
        )
        body, headers = codec(CSV).encode(Rows(features[:3])), {"Content-Type": CSV, "Accept": CSV}
        answer = pool.request("POST", f"http://127.0.0.1:{port}/invocations", body=body, headers=headers)
        found = decode_answers(
            answer.data, answer.headers["Content-Type"], ("closest_cluster", "distance_to_cluster"), 3
        )
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    expected = answers(Predictor(kmeans.ALGORITHM, tmp_path / "model"), Rows(features[:3]))
    assert np.array_equal(found["closest_cluster"], expected["closest_cluster"])
