"""Data capture: requests and answers of an endpoint as JSON lines in S3."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from datetime import datetime, timezone
from typing import Any

from sparring.io.s3_uri import split_s3_uri
from sparring_local_sagemaker.runtime.replica import Answer, Request
from sparring_local_sagemaker.state import Record

FLUSH_LINES = 500
FLUSH_SECONDS = 1.0


class Capture:
    """The captured lines of one endpoint, put in S3 in files of up to 500.

    A file is written a second after its first line, and when the endpoint goes.

    Parameters
    ----------
    s3 : boto3 S3 client
    endpoint : str
    config : dict
        ``DataCaptureConfig``.
    """

    def __init__(self, s3: Any, endpoint: str, config: Record) -> None:
        self.s3, self.endpoint, self.config = s3, endpoint, config
        self._lines: dict[str, list[str]] = {}
        self._credit = 0.0
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def record(self, variant: str, request: Request, answer: Answer, inference_id: str | None) -> None:
        """Keep a request and its answer, if the sampling percentage says so."""
        with self._lock:
            if not self._sampled():
                return
            line = json.dumps(self._entry(request, answer, inference_id))
            self._lines.setdefault(variant, []).append(line)
            full = len(self._lines[variant]) >= FLUSH_LINES
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def _sampled(self) -> bool:
        """Whether it is this request's turn: exactly the percentage, evenly spread."""
        self._credit += self.config["InitialSamplingPercentage"]
        if not self.config.get("EnableCapture", True) or self._credit < 100:
            return False
        self._credit -= 100
        return True

    def _entry(self, request: Request, answer: Answer, inference_id: str | None) -> Record:
        modes = {option["CaptureMode"] for option in self.config["CaptureOptions"]}
        body = request.body if isinstance(request.body, bytes) else b""
        both = "InputAndOutput" in modes
        data = {}
        if "Input" in modes or both:
            data["endpointInput"] = self._side("INPUT", body, request.content_type)
        if "Output" in modes or both:
            data["endpointOutput"] = self._side("OUTPUT", answer.body, answer.content_type)
        moment = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        meta = {"eventId": str(uuid.uuid4()), "inferenceTime": moment}
        meta |= {"inferenceId": inference_id} if inference_id else {}
        return {"captureData": data, "eventMetadata": meta, "eventVersion": "0"}

    def _side(self, mode: str, body: bytes, content_type: str) -> Record:
        kind = content_type.split(";")[0].strip().lower()
        headers = self.config.get("CaptureContentTypeHeader", {})
        encoding = "BASE64"
        if kind in headers.get("CsvContentTypes", ["text/csv"]):
            encoding = "CSV"
        elif kind in headers.get("JsonContentTypes", ["application/json", "application/jsonlines"]):
            encoding = "JSON"
        data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode(errors="replace")
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}

    def flush(self) -> None:
        """Put what has been captured in S3."""
        with self._lock:
            lines, self._lines = self._lines, {}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        bucket, prefix = split_s3_uri(self.config["DestinationS3Uri"])
        for variant, entries in lines.items():
            now = datetime.fromtimestamp(time.time(), timezone.utc)
            name = f"{now:%Y/%m/%d/%H/%M-%S}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            key = "/".join(part for part in (prefix.strip("/"), self.endpoint, variant, name) if part)
            self.s3.put_object(Bucket=bucket, Key=key, Body=("\n".join(entries) + "\n").encode())
