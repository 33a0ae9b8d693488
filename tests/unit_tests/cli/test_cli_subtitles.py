"""A transcript goes into a file of subtitles if that is what its name says."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tool_service import HOST, KEY, Service, silence

from langchain_visioncraft import VisionCraftClient
from langchain_visioncraft.cli import capabilities
from langchain_visioncraft.cli.app import app

SRT = "1\n00:00:00,000 --> 00:00:01,500\nHello there.\n"
VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nHello there.\n"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    host = Service()

    @contextlib.contextmanager
    def connected(_: Any) -> Iterator[VisionCraftClient]:
        yield VisionCraftClient(api_key=KEY, base_url=HOST, max_retries=0, **host.clients())

    monkeypatch.setattr(capabilities, "connected", connected)
    monkeypatch.chdir(tmp_path)
    Path("note.wav").write_bytes(silence())
    return host


def transcribe(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["transcribe", "note.wav", *arguments])


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("note.srt", SRT),
        ("NOTE.VTT", VTT),
        ("note.txt", "Hello there.\n"),
        ("note", "Hello there.\n"),
    ],
)
def test_the_name_of_the_file_says_what_is_written(name: str, text: str) -> None:
    ran = transcribe("-o", name)
    assert (ran.exit_code, ran.output) == (0, f"{name}\n")
    assert Path(name).read_text() == text
    ran = transcribe("-o", name, "--json")
    assert json.loads(ran.output)["location"] == name
    assert json.loads(ran.output)["text"] == "Hello there."


def test_without_speech_there_are_no_subtitles(service: Service) -> None:
    service.says("/whisper", json={"text": "", "segments": []})
    assert transcribe("-o", "note.srt").exit_code == 0
    assert Path("note.srt").read_text() == "\n"


@pytest.mark.parametrize("name", ["note.srt", "note.vtt", "note.txt"])
def test_half_of_a_character_does_not_cost_the_transcript(service: Service, name: str) -> None:
    said = {"text": "Hello \ud83d there.", "segments": []}
    service.says("/whisper", content=json.dumps(said).encode())
    assert transcribe("-o", name).exit_code == 0
    assert "Hello \N{REPLACEMENT CHARACTER} there." in Path(name).read_text(encoding="utf-8")


def test_a_note_of_the_host_goes_to_standard_error(service: Service) -> None:
    service.says("/whisper", json={"text": "Merci.", "note": "Perhaps this is not English."})
    ran = transcribe()
    assert (ran.stdout, ran.stderr) == ("Merci.\n", "Perhaps this is not English.\n")
    assert json.loads(transcribe("--json").stdout)["note"] == "Perhaps this is not English."


def test_a_transcript_that_cannot_be_written_is_kept_elsewhere(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def fail(path: Path, data: bytes) -> int:
        if path.name == "note.srt":
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "write_bytes", fail)
    ran = transcribe("-o", "note.srt")
    assert ran.exit_code == 1
    [kept] = tmp_path.glob("visioncraft-*/text.txt")
    assert kept.read_text() == SRT
    assert ran.stderr == f"Kept: {kept}\nvisioncraft: note.srt: No space left on device.\n"
