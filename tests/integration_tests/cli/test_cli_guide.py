"""The commands of the guide run as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from visioncraft_sandbox import Sandbox

from langchain_visioncraft.cli.app import app

ROOT = Path(__file__).parents[3]


def commands() -> list[str]:
    text = (ROOT / "docs/guides/command-line.md").read_text(encoding="utf-8")
    found = re.search(r"^# Command line\n.*?^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1].splitlines()


# A sandbox without models answers 501 to these: they were understood, and sent.
NEED_MODELS = ("visioncraft upscale", "visioncraft transcribe", 'visioncraft chat "Name')


def test_the_commands_of_the_guide_run(
    drawing_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", drawing_sandbox.url)
    monkeypatch.setenv("VISIONCRAFT_API_KEY", "any")
    (tmp_path / "recordings").mkdir()
    shutil.copy(ROOT / "cookbook/assets/spoken_note.ogg", tmp_path / "recordings")
    lines = commands()
    for line in lines:
        piped = b""
        for part in line.split(" | "):
            name, *arguments = shlex.split(part, comments=True)
            if name == "echo":
                piped = " ".join(arguments).encode()
                continue
            assert name == "visioncraft"
            once = ["--retries", "0"] if arguments[0] != "store" else []
            ran = CliRunner().invoke(app, [*arguments, *once], piped)
            expected = 6 if part.startswith(NEED_MODELS) else 0
            assert ran.exit_code == expected, f"{part}: {ran.output}"
            assert ran.stdout_bytes or expected
            piped = ran.stdout_bytes
    assert len(lines) > 10
    made = {path.name for path in tmp_path.iterdir()}
    assert {"fox.png", "boat.gif", "fox.mp4", "visioncraft-media"} < made
