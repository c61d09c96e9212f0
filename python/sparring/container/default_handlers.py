"""What serves where a script leaves a handler out, by the framework of its image.

Sources: aws/sagemaker-scikit-learn-container and aws/sagemaker-xgboost-container, ``handler_service.py``;
aws/sagemaker-pytorch-inference-toolkit, ``default_pytorch_inference_handler.py``.  Facts only: which types are read,
as what, and how the model is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparring.container.codecs import UTF8_TYPES, decode, encode
from sparring.container.media import media_type
from sparring.errors import PlatformError


@dataclass(frozen=True)
class Handlers:
    """The four handlers of one framework.

    Attributes
    ----------
    model, input, predict, output : callable
        ``model_fn(model_dir)``, ``input_fn(body, content_type)``, ``predict_fn(data, model)`` and
        ``output_fn(prediction, accept)``.
    """

    model: Callable[..., Any]
    input: Callable[..., Any]
    predict: Callable[..., Any]
    output: Callable[..., Any]


def default_handlers(framework: str) -> Handlers:
    """Return the handlers of a framework: scikit-learn, xgboost or pytorch; plain arrays for any other."""
    return {
        "scikit-learn": Handlers(no_model, floats, predict, encode),
        "xgboost": Handlers(no_model, _dmatrix, _boosted, encode),
        "pytorch": Handlers(_scripted_model, _tensor, _forward, _detached),
    }.get(framework, Handlers(no_model, decode, predict, encode))


def no_model(folder: str) -> Any:
    """Refuse to serve: only the script knows what its model is."""
    raise PlatformError(
        "The script defines no model_fn(model_dir), so nothing knows how to load its model",
        "Define model_fn, which takes the model's folder and returns the model.",
    )


def predict(data: Any, model: Any) -> Any:
    """Return ``model.predict(data)``, or ``model(data)`` where it has no such method."""
    return model.predict(data) if hasattr(model, "predict") else model(data)


def floats(body: str | bytes, content_type: str) -> np.ndarray:
    """Return a request as scikit-learn's image does: a row at least, float32 unless the body has types itself."""
    array = decode(body, content_type)
    array = array.reshape(1, -1) if array.ndim == 1 else array
    return array.astype(np.float32) if media_type(content_type)[0] in UTF8_TYPES else array


def _dmatrix(body: str | bytes, content_type: str) -> Any:
    from sparring.container.dmatrix import decode as decode_rows

    return decode_rows(body, content_type)


def _boosted(data: Any, model: Any) -> Any:
    return model.predict(data, validate_features=False)


def _scripted_model(folder: str) -> Any:
    """Return the TorchScript model in ``model.pt``, else in the only ``.pt`` or ``.pth`` file."""
    import torch

    files = [path for path in sorted(Path(folder).iterdir()) if path.suffix in (".pt", ".pth")]
    named = [path for path in files if path.name == "model.pt"] or files
    if len(named) != 1:
        raise PlatformError(
            f"The script defines no model_fn(model_dir), and of .pt and .pth files the model holds {len(named)}",
            "Define model_fn, or put one TorchScript file named model.pt into the model.",
        )
    return torch.jit.load(named[0], map_location=_device())


def _tensor(body: str | bytes, content_type: str) -> Any:
    """Return a request as a tensor: float32 from text, NumPy's own type from its format."""
    import torch

    array = decode(body, content_type)
    text = media_type(content_type)[0] in UTF8_TYPES
    return (torch.tensor(array, dtype=torch.float32) if text else torch.from_numpy(array)).to(_device())


def _forward(data: Any, model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.to(_device()).eval()(data.to(_device()))


def _detached(prediction: Any, accept: str) -> tuple[bytes, str]:
    import torch

    return encode(prediction.detach().cpu().numpy() if isinstance(prediction, torch.Tensor) else prediction, accept)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
