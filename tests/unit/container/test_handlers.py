"""Handlers of scripts, as AWS's inference toolkits call them: arguments, defaults by framework, answers."""

import io
import itertools
import json
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import urllib3
import uvicorn
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring.container import dmatrix, toolkit_parts
from sparring.container.framework import FRAMEWORK_VARIABLE, toolkit_folders
from sparring.container.handlers import ScriptPredictor
from sparring.container.media import BodyError, ContentError
from sparring.container.serving import application
from sparring.container.tree import Tree, lay_out
from sparring.errors import PlatformError
from sparring.wire import Rows, codec

NUMBER = itertools.count()
FRAMEWORKS = ("", "scikit-learn", "xgboost", "pytorch")
ECHO = """
def model_fn(model_dir{context}):
    return "model"
def input_fn(body, content_type{context}):
    return [type(body).__name__, content_type]
def predict_fn(data, model{context}):
    return [*data, model]
def output_fn(prediction, accept{context}):
    return repr([*prediction, accept{told}])
"""
SUM = """
class Model:
    def predict(self, data, **named):
        self.seen = data
        return data.sum(axis=1)
def model_fn(model_dir):
    return Model()
"""


def predictor(folder: Path, script: str) -> ScriptPredictor:
    """A script of its own name each time: modules are imported once."""
    tree: Tree = lay_out(folder / f"ml-{next(NUMBER)}", {}, {})
    (tree.model / "code").mkdir()
    (tree.model / "code" / "inference.py").write_text(script)
    return ScriptPredictor(tree)


def post(served: ScriptPredictor, body: bytes, **headers: str) -> urllib3.BaseHTTPResponse:
    """The answer of a server of its own, over HTTP."""
    server = uvicorn.Server(uvicorn.Config(application(served), log_level="error", lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/invocations"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            return urllib3.request("POST", url, body=body, headers=named, timeout=30)
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("content_type", "given"),
    [
        ("text/csv", "str"),
        ("application/json", "str"),
        ("text/csv; charset=utf-8", "str"),
        ("text/libsvm", "bytes"),
        ("text/x-libsvm", "bytes"),
        ("text/plain", "bytes"),
        ("application/x-npy", "bytes"),
        ("application/octet-stream", "bytes"),
        ("image/png", "bytes"),
    ],
)
def test_a_script_is_given_text_for_csv_and_json_and_bytes_for_all_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, framework: str, content_type: str, given: str
) -> None:
    monkeypatch.setenv(FRAMEWORK_VARIABLE, framework)
    served = predictor(tmp_path, ECHO.format(context="", told=""))
    assert served(b"1", content_type, "a/b") == (repr([given, content_type, "model", "a/b"]).encode(), "a/b")


def test_what_is_said_to_be_text_and_is_not_utf_8_is_the_senders_fault(tmp_path: Path) -> None:
    assert post(predictor(tmp_path, SUM), b"\xff\xfe", content_type="text/csv").status == 400


@pytest.mark.parametrize("context", [", context", ", ctx", ", context=None"])
def test_every_handler_may_take_a_context_with_the_requests_headers(tmp_path: Path, context: str) -> None:
    name = context.strip(", ").removesuffix("=None")
    told = f', {name}.get_request_header(0, "X-Amzn-SageMaker-Custom-Attributes")'
    served = predictor(tmp_path, ECHO.format(context=context, told=told))
    answer = post(served, b"1", content_type="text/csv", accept="a/b", x_amzn_sagemaker_custom_attributes="mine")
    assert answer.data.decode() == repr(["str", "text/csv", "model", "a/b", "mine"])


def test_a_further_argument_with_a_default_is_no_context(tmp_path: Path) -> None:
    script = SUM.replace("model_fn(model_dir)", "model_fn(model_dir, name='model.joblib')").replace(
        "return Model()", "assert name == 'model.joblib'\n    return Model()"
    )
    assert predictor(tmp_path, script)(b"1,2", "text/csv", "") == (b"[3.0]", "application/json")


RESPONSES = {
    "flask": "from flask import Response\nanswer = Response('0.5', mimetype='a/b')",
    "werkzeug": "from werkzeug.wrappers import Response\nanswer = Response(b'0.5', content_type='a/b')",
    "toolkit": "from sparring.container.toolkit_parts import Response\nanswer = Response('0.5', mimetype='a/b')",
    "toolkit-accept": "from sparring.container.toolkit_parts import Response\nanswer = Response('0.5', 'a/b')",
    "pair": "answer = '0.5', 'a/b'",
    "pair-of-bytes": "answer = b'0.5', 'a/b'",
    "bytearray": "answer = bytearray(b'0.5'), 'a/b'",
}


@pytest.mark.parametrize("step", ["output_fn(prediction, accept)", "transform_fn(model, body, content_type, accept)"])
@pytest.mark.parametrize("answer", RESPONSES.values(), ids=RESPONSES)
def test_an_answer_may_be_a_response_or_a_pair(tmp_path: Path, step: str, answer: str) -> None:
    body, kind = predictor(tmp_path, f"{SUM}\n{answer}\ndef {step}:\n    return answer\n")(b"1,2", "text/csv", "c/d")
    assert (body, kind.split(";")[0]) == (b"0.5", "a/b")


@pytest.mark.parametrize(
    ("returned", "kind", "body"),
    [("'0.5'", "c/d", b"0.5"), ("b'0.5'", "c/d", b"0.5"), ("{'a': [1]}", "application/json", b'{"a": [1]}')],
)
def test_an_answer_without_a_type_has_the_accepted_one_and_a_dict_is_json(
    tmp_path: Path, returned: str, kind: str, body: bytes
) -> None:
    script = f"{SUM}\ndef output_fn(prediction, accept):\n    return {returned}\n"
    assert predictor(tmp_path, script)(b"1,2", "text/csv", "c/d") == (body, kind)


@pytest.mark.parametrize("returned", ["None", "3", "[b'1']", "(1, 'a/b')", "object()"])
def test_an_answer_that_cannot_be_sent_is_an_error_and_says_what_came(tmp_path: Path, returned: str) -> None:
    script = f"{SUM}\ndef output_fn(prediction, accept):\n    return {returned}\n"
    answer = post(predictor(tmp_path, script), b"1,2", content_type="text/csv")
    assert answer.status == 500
    assert b"the script answered with" in answer.data


@pytest.mark.parametrize("status", [400, 418, 503])
@pytest.mark.parametrize("way", ["response", "context"])
def test_a_status_that_a_script_gives_is_the_answers(tmp_path: Path, status: int, way: str) -> None:
    does = {
        "response": f"    from flask import Response\n    return Response('no', status={status})\n",
        "context": f"    context.set_response_status({status}, 'phrase')\n    return 'no'\n",
    }
    script = f"{SUM}\ndef output_fn(prediction, accept, context):\n{does[way]}"
    answer = post(predictor(tmp_path, script), b"1,2", content_type="text/csv")
    assert (answer.status, answer.data) == (status, b"no")


@pytest.mark.parametrize("step", ["input_fn", "predict_fn", "output_fn"])
def test_transform_fn_beside_what_it_replaces_is_refused(tmp_path: Path, step: str) -> None:
    script = f"{SUM}\ndef transform_fn(m, b, c, a): return b\ndef {step}(x, y): return x\n"
    with pytest.raises(PlatformError, match=f"transform_fn and also {step}"):
        predictor(tmp_path, script)


def test_a_request_without_a_type_is_json(tmp_path: Path) -> None:
    assert post(predictor(tmp_path, SUM), b"[[1, 2]]").json() == [3.0]


# -- defaults


tables = st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=3, max_size=3), min_size=1, max_size=5)


def bodies_of(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def bodies(rows: list[list[float]]) -> dict[str, bytes]:
    return {
        "text/csv": "\n".join(",".join(map(repr, row)) for row in rows).encode(),
        "application/json": json.dumps(rows).encode(),
        "application/x-npy": bodies_of(np.array(rows)),
    }


@pytest.mark.parametrize("framework", ["", "scikit-learn"])
@given(rows=tables)
@settings(max_examples=25, deadline=None)
def test_default_arrays_are_the_rows_sent_whatever_the_format(
    tmp_path_factory: pytest.TempPathFactory, framework: str, rows: list[list[float]]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FRAMEWORK_VARIABLE, framework)
        served = predictor(tmp_path_factory.mktemp("served"), SUM)
        for kind, body in bodies(rows).items():
            answer = json.loads(served(body, kind, "application/json")[0])
            assert served.model.seen.tolist() == rows
            assert len(answer) == len(rows)
            text = framework == "scikit-learn" and kind != "application/x-npy"
            assert served.model.seen.dtype == (np.float32 if text else np.float64)


def test_scikit_learns_image_takes_a_single_json_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FRAMEWORK_VARIABLE, "scikit-learn")
    assert predictor(tmp_path, SUM)(b"[1, 2]", "application/json", "text/csv") == (b"3.0\n", "text/csv")


def test_an_empty_csv_cell_is_nan_and_a_word_is_refused(tmp_path: Path) -> None:
    served = predictor(tmp_path, SUM)
    served(b"1,,3\n", "text/csv", "text/csv")
    assert np.isnan(served.model.seen).tolist() == [[False, True, False]]
    for body in (b"1,warm", b"", b"1,2\n3"):
        with pytest.raises(BodyError):
            served(body, "text/csv", "text/csv")


BOOSTED = """
import xgboost
def model_fn(model_dir):
    return xgboost.Booster(model_file={path!r})
"""


@pytest.fixture(scope="module")
def booster(tmp_path_factory: pytest.TempPathFactory) -> xgboost.Booster:
    drawn = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    matrix = xgboost.DMatrix(drawn, drawn @ [1, 2, 3])
    made = xgboost.train({"max_depth": 3}, matrix, 5)
    made.save_model(tmp_path_factory.mktemp("booster") / "model.ubj")
    return made


@given(rows=tables)
@settings(max_examples=10, deadline=None)
def test_xgboosts_image_asks_the_model_with_the_rows_sent_whatever_the_format(
    tmp_path_factory: pytest.TempPathFactory, booster: xgboost.Booster, rows: list[list[float]]
) -> None:
    folder = tmp_path_factory.mktemp("served")
    booster.save_model(folder / "model.ubj")
    values = np.array(rows, np.float32)
    expected = booster.predict(xgboost.DMatrix(values)).tolist()
    zero_based = ["0 " + " ".join(f"{at}:{value!r}" for at, value in enumerate(row)) for row in rows]
    sent = {
        "text/csv": bodies(rows)["text/csv"],
        "text/csv;delimiter": bodies(rows)["text/csv"].replace(b",", b";"),
        "text/libsvm": "\n".join(zero_based).encode(),
        "text/x-libsvm": "\n".join(line.removeprefix("0 ") for line in zero_based).encode(),
        "application/x-recordio-protobuf": codec("application/x-recordio-protobuf").encode(Rows(values)),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FRAMEWORK_VARIABLE, "xgboost")
        served = predictor(folder, BOOSTED.format(path=str(folder / "model.ubj")))
        for kind, body in sent.items():
            assert json.loads(served(body, kind, "application/json")[0]) == pytest.approx(expected), kind


def test_xgboosts_image_reads_no_json_and_what_a_libsvm_row_leaves_out_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, booster: xgboost.Booster
) -> None:
    monkeypatch.setenv(FRAMEWORK_VARIABLE, "xgboost")
    booster.save_model(tmp_path / "model.ubj")
    served = predictor(tmp_path, BOOSTED.format(path=str(tmp_path / "model.ubj")))
    with pytest.raises(ContentError, match="define input_fn"):
        served(b"[[1, 2, 3]]", "application/json", "application/json")
    missing = booster.predict(xgboost.DMatrix(np.array([[np.nan, 2, 0]], np.float32))).tolist()
    assert json.loads(served(b"1 1:2 2:0", "text/libsvm", "application/json")[0]) == missing


@pytest.mark.parametrize("files", [["model.pt"], ["weights.pth"], ["other.pt", "model.pt"]])
def test_pytorchs_image_loads_torchscript_and_asks_it_with_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str]
) -> None:
    torch = pytest.importorskip("torch", reason="uv run --with torch pytest tests/unit/container/test_handlers.py")
    monkeypatch.setenv(FRAMEWORK_VARIABLE, "pytorch")
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.9))
    tree = lay_out(tmp_path / "ml", {}, {})
    (tree.model / "code").mkdir()
    (tree.model / "code" / "inference.py").touch()
    for name in files:
        torch.jit.script(network).save(tree.model / name)
    served = ScriptPredictor(tree)
    rows = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.0]], np.float32)
    expected = network.eval()(torch.from_numpy(rows)).tolist()
    sent = bodies(rows.tolist()) | {"application/x-npy": bodies_of(rows)}
    for kind, body in sent.items():
        assert json.loads(served(body, kind, "application/json")[0]) == pytest.approx(np.array(expected), abs=1e-6)
        lines = served(body, kind, "text/csv")[0].decode().splitlines()
        assert [[float(cell) for cell in line.split(",")] for line in lines] == pytest.approx(np.array(expected))
    if len(files) > 1:
        (tree.model / "model.pt").rename(tree.model / "third.pt")
        with pytest.raises(PlatformError, match=r"of \.pt and \.pth files the model holds 2"):
            ScriptPredictor(tree)


# -- channels and modules of the XGBoost image


@pytest.mark.parametrize("first", [0, 1])
def test_a_channel_and_a_request_have_the_same_columns(tmp_path: Path, first: int) -> None:
    lines = [f"{row} {first}:{row} {first + 2}:0.5\n" for row in range(4)]
    (tmp_path / "deeper").mkdir()
    (tmp_path / "a").write_text("".join(lines[:2]))
    (tmp_path / "deeper" / "b").write_text("".join(lines[2:]))
    (tmp_path / "_SUCCESS").touch()
    trained = dmatrix.get_dmatrix(str(tmp_path), "libsvm")
    sent = dmatrix.libsvm_to_dmatrix("".join(lines).encode())
    assert trained.get_label().tolist() == [0, 1, 2, 3]
    assert (trained.get_data() != sent.get_data()).nnz == 0
    assert trained.num_col() == sent.num_col() == first + 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_channel_of_csv_has_its_label_first_and_any_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [[1.0, 0.25, 3.5], [0.0, 1.5, 2.0]]
    (tmp_path / "rows.csv").write_text("\n".join(delimiter.join(map(str, row)) for row in rows))
    made = dmatrix.get_dmatrix(str(tmp_path), "csv")
    assert made.get_label().tolist() == [1, 0]
    assert made.get_data().toarray().tolist() == [row[1:] for row in rows]
    weighted = dmatrix.get_dmatrix(str(tmp_path / "rows.csv"), "csv", csv_weights=1)
    assert weighted.get_weight().tolist() == [row[1] for row in rows]
    assert weighted.get_data().toarray().tolist() == [row[2:] for row in rows]


def test_a_channel_that_is_not_there_is_none_and_one_without_rows_or_in_pipe_mode_is_refused(tmp_path: Path) -> None:
    assert dmatrix.get_dmatrix(str(tmp_path / "absent"), "libsvm") is None
    with pytest.raises(ValueError, match="without labels"):
        dmatrix.get_dmatrix(str(tmp_path), "csv")
    with pytest.raises(ValueError, match="Pipe mode"):
        dmatrix.get_dmatrix(str(tmp_path), "csv", is_pipe=True)


IMPORTS = [
    "from sagemaker_containers.beta.framework import content_types, encoders, env, worker",
    "from sagemaker_containers.beta.framework import modules, transformer, server",
    "from sagemaker_containers import entry_point",
    "from sagemaker_inference import content_types, encoder, decoder, errors",
    "from sagemaker_training import environment",
    "from sagemaker_xgboost_container import distributed",
    "from sagemaker_xgboost_container.data_utils import get_dmatrix",
    "import sagemaker_xgboost_container.encoder as xgb_encoders",
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("line", IMPORTS)
def test_an_image_has_the_packages_that_aws_has_in_it(
    monkeypatch: pytest.MonkeyPatch, framework: str, line: str
) -> None:
    # Without the folders of predictors that were made in this process before.
    paths = [path for path in sys.path if "toolkits" not in path]
    monkeypatch.setattr(sys, "path", [*toolkit_folders(framework), *paths])
    for name in [name for name in sys.modules if name.startswith("sagemaker_")]:
        monkeypatch.delitem(sys.modules, name)
    has = {"scikit-learn": ("containers",), "xgboost": ("containers", "xgboost_container")}.get(framework, ())
    if any(f"sagemaker_{name}" in line for name in (*has, "inference", "training")):
        exec(line, {})
    else:
        with pytest.raises(ModuleNotFoundError):
            exec(line, {})


def test_what_a_stand_in_lacks_is_named_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = toolkit_parts.missing("sagemaker_containers.beta.framework.server")
    with pytest.raises(AttributeError, match=r"framework\.server has no start: install the real package"):
        absent("start")
    monkeypatch.setenv("SM_TRAINING_ENV", '{"num_gpus": 0}')
    assert toolkit_parts.Environment().num_gpus == 0
    with pytest.raises(AttributeError, match="no 'is_hetero', only num_gpus"):
        _ = toolkit_parts.Environment().is_hetero
