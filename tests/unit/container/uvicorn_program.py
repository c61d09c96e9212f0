"""A training and a serving program as people write them with starlette: ``python uvicorn_program.py train|serve``."""

import json
import os
import sys
import time
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sparring.container import TrainingEnvironment, run_training

MODEL = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")) / "model" / "weights.json"


def train(environment: TrainingEnvironment) -> None:
    rounds = int(environment.hyperparameters["rounds"])
    with environment.stream("train") as data:
        rows = data.read().splitlines()
    if not rows:
        raise ValueError("the channel is empty")
    print("rows", len(rows), flush=True)
    time.sleep(0.2)
    MODEL.write_text(json.dumps([rounds, len(rows)]))


async def ping(request: Request) -> Response:
    return Response()


async def invocations(request: Request) -> Response:
    kind = request.headers.get("content-type", "")
    if kind not in ("text/csv", "application/json"):
        return PlainTextResponse("text/csv or application/json", 415)
    body = await request.body()
    try:
        rows = (
            [[float(cell) for cell in row.split(",")] for row in body.decode().splitlines()]
            if kind == "text/csv"
            else json.loads(body)["instances"]
        )
        scores = [sum(weight * float(cell) for weight, cell in zip(WEIGHTS, row, strict=True)) for row in rows]
    except (ValueError, TypeError, KeyError) as error:
        return PlainTextResponse(str(error), 400)
    if "text/csv" in request.headers.get("accept", ""):
        return Response("\n".join(map(str, scores)), media_type="text/csv")
    return JSONResponse({"predictions": [{"score": score} for score in scores]})


if __name__ == "__main__":
    if sys.argv[1] == "train":
        sys.exit(run_training(train))
    WEIGHTS = json.loads(MODEL.read_text())
    application = Starlette(routes=[Route("/ping", ping), Route("/invocations", invocations, methods=["POST"])])
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    uvicorn.run(application, host="0.0.0.0", port=port, log_level="warning")
