"""The vision models: the objects in a picture, the subject of the whole, and the text in it.

SSD-MobileNetV2 finds COCO's 80 kinds of object, EfficientNet-Lite3 distinguishes ImageNet's 1,000
classes, PP-OCR reads. Each is small and often wrong, so none is trusted alone: an object counts if
it is found in the picture and in its mirror image, and if the classifier, shown that part of the
picture, sees something of the kind.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncraft_sandbox.engines.labels import DETECTED
from visioncraft_sandbox.engines.stopping import go_on
from visioncraft_sandbox.engines.weights import vision_models

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, as parts of the picture from 0 to 1."""

_DETECTOR_SIDE, _CLASSIFIER_SIDE = 300, 280  # pixels
_READING_SIDE = 1024  # pixels; larger pictures are scaled down first
_LONGEST_SHAPE = 4  # how many times as high as wide, or as wide as high, a picture is read
_LEAST_READ = 0.8  # the confidence that a line needs
_CANDIDATE = 0.3


@dataclass(frozen=True)
class Found:
    """An object in a picture."""

    kind: str  # one of the detector's
    score: float  # how often and how surely it was found, from 0 to 1
    box: Box


class Eyes:
    """The models, each loaded when it is first needed. One instance serves many threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()

    @cached_property
    def _files(self) -> dict[str, Path]:
        return vision_models()

    @cached_property
    def _detector(self) -> Any:
        import cv2  # noqa: PLC0415  # heavy

        weights = str(self._files["frozen_inference_graph.pb"])
        graph = str(self._files["ssd_mobilenet_v2_coco_2018_03_29.pbtxt"])
        return cv2.dnn.readNetFromTensorflow(weights, graph)

    @cached_property
    def _classifier(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415  # heavy

        with _no_stderr():  # it logs its delegate, which no option prevents
            model = Interpreter(str(self._files["efficientnet_lite3.tflite"]), num_threads=1)
            model.allocate_tensors()
        return model

    @cached_property
    def class_names(self) -> list[str]:
        """The classifier's classes by number."""
        lines = self._files["efficientnet_labels.txt"].read_text("utf-8").splitlines()
        return [line.partition(",")[0].strip() for line in lines]

    @cached_property
    def _reader(self) -> Any:
        from rapidocr import RapidOCR  # noqa: PLC0415  # heavy

        # Threads that spin slow down all other work.
        threads = max(1, (os.cpu_count() or 1) // 2)
        return RapidOCR(
            params={
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def detect(self, picture: Image.Image) -> list[Found]:
        """The objects in an RGB picture and its mirror image; the surest first."""
        seen = self._detect_once(picture)
        mirrored = self._detect_once(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        again = [
            Found(each.kind, each.score, (1 - right, top, 1 - left, bottom))
            for each in mirrored
            for left, top, right, bottom in [each.box]
        ]
        merged = []
        for found in seen:
            twins = [o for o in again if o.kind == found.kind and overlap(o.box, found.box) > 0.5]
            if twins:
                again.remove(twins[0])
            score = (found.score + (twins[0].score if twins else 0)) / 2
            merged.append(Found(found.kind, score, found.box))
        merged += [Found(found.kind, found.score / 2, found.box) for found in again]
        return sorted(merged, key=lambda found: -found.score)

    def _detect_once(self, picture: Image.Image) -> list[Found]:
        import cv2  # noqa: PLC0415  # heavy

        go_on()
        side = (_DETECTOR_SIDE, _DETECTOR_SIDE)
        pixels = np.asarray(picture.resize(side, Image.Resampling.BILINEAR))
        with self._lock:
            self._detector.setInput(cv2.dnn.blobFromImage(pixels, size=side))
            rows = self._detector.forward()[0, 0]
        return [
            Found(DETECTED[int(row[1])], float(row[2]), _box(row[3:7]))
            for row in rows
            if row[2] >= _CANDIDATE
        ]

    def classify(self, pictures: Iterable[Image.Image]) -> NDArray[np.float64]:
        """How likely each of ImageNet's classes is: the mean over some views of a picture."""
        seen = [self._classify_once(picture) for picture in pictures]
        return np.asarray(np.mean(seen, axis=0), dtype=np.float64)

    def _classify_once(self, picture: Image.Image) -> NDArray[np.float64]:
        go_on()
        side = (_CLASSIFIER_SIDE, _CLASSIFIER_SIDE)
        pixels = np.asarray(picture.resize(side, Image.Resampling.BILINEAR))
        with self._lock:
            model = self._classifier
            given, told = model.get_input_details()[0], model.get_output_details()[0]
            model.set_tensor(given["index"], pixels[None])
            model.invoke()
            answer = model.get_tensor(told["index"])[0]
        scale, zero = told["quantization"]
        return np.asarray((answer.astype(np.float64) - zero) * scale)

    def read(self, picture: Image.Image) -> list[str]:
        """The lines of text in an RGB picture that can be read with confidence."""
        go_on()
        small = picture.copy()
        small.thumbnail((_READING_SIDE, _READING_SIDE))
        if min(small.size) < 16:
            return []
        # The reader scales the shorter side up to 736 pixels, so a thin picture would grow huge.
        least = max(small.size) // _LONGEST_SHAPE
        paper = Image.new("RGB", (max(small.width, least), max(small.height, least)), "white")
        paper.paste(small)
        with self._lock:
            read = self._reader(np.asarray(paper)[:, :, ::-1])  # it takes BGR
        lines = zip(read.txts or (), read.scores or (), strict=True)
        return [
            " ".join(text.split())
            for text, score in lines
            if score >= _LEAST_READ and sum(letter.isalnum() for letter in text) >= 2
        ]


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    """Drop what native code writes to the process's standard error."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def views(picture: Image.Image) -> list[Image.Image]:
    """The whole picture, and the square in its middle."""
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    middle = picture.crop((left, top, left + side, top + side))
    return [middle] if side > 0.9 * max(width, height) else [middle, picture]


def overlap(one: Box, other: Box) -> float:
    """The overlap of two boxes as a part of their union."""
    common = _area(
        (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    )
    return common / max(1e-9, _area(one) + _area(other) - common)


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _box(sides: Sequence[float]) -> Box:
    left, top, right, bottom = (min(max(float(side), 0.0), 1.0) for side in sides)
    return left, top, right, bottom
