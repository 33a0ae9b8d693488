"""Whisper servers behind the sandbox."""

from __future__ import annotations

import asyncio
import io
import wave
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from backend_serving import PATIENCE, served, text
from visioncraft_sandbox import Sandbox
from whisper_hosts import WHISPER, SpeachesHost, WhisperCppHost

from langchain_visioncraft import VisionCraftTranscribe


def wav(seconds: float = 0.5, rate: int = 8000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(bytes(2 * int(seconds * rate)))
    return buffer.getvalue()


def whisper(sandbox: Sandbox, audio: bytes, **body: Any) -> httpx.Response:
    asked = {"token": "caller", "audio": text(audio), **body}
    return httpx.post(f"{sandbox.url}/whisper", json=asked, timeout=PATIENCE)


def test_an_openai_server_answers_in_the_services_form() -> None:
    host = SpeachesHost()
    with served(host.app) as url, Sandbox(models=False, speech=url) as sandbox:
        answer = whisper(sandbox, wav(), language="de")
        whisper(sandbox, wav(), task="translate", language="auto")
        refused = whisper(sandbox, wav() + b"broken")
    answered = answer.json()
    assert answer.headers["x-visioncraft-engine"].endswith(f", {WHISPER}")
    assert (answered["text"], answered["language"], answered["input_length_ms"]) == (
        "Hallo Welt.",
        "de",
        2500,
    )
    [segment] = answered["segments"]
    assert (segment["id"], segment["start"], segment["end"]) == (0, 0.0, 2.5)
    assert segment["tokens"] == [50364, 15302, 50489]
    assert answered["inference_status"]["tokens_generated"] == 3
    first, second = host.forms[:2]
    assert first["file"] == ("audio.wav", wav())
    assert first["language"] == "de"
    assert first["timestamp_granularities[]"] == "segment"
    assert host.paths[1] == "/v1/audio/translations"
    assert "language" not in second
    assert refused.status_code == 400
    assert "Failed to decode audio" in refused.json()["detail"]


@pytest.mark.parametrize(("root", "given"), [("/v1", ""), ("/v1", "/v1"), ("", "")])
def test_a_server_that_lists_no_models_transcribes(root: str, given: str) -> None:
    host = SpeachesHost(root=root, lists_models=False)
    with served(host.app) as url, Sandbox(models=False, speech=f"{url}{given}") as sandbox:
        answer = whisper(sandbox, wav())
    assert answer.json()["text"] == "Hallo Welt."
    assert answer.headers["x-visioncraft-engine"].endswith(", whisper-1")
    assert host.paths == [f"{root}/audio/transcriptions"]


@pytest.mark.parametrize("has_health", [True, False], ids=["today", "before"])
def test_whisper_cpp_gets_wav_of_16_khz(has_health: bool) -> None:
    host = WhisperCppHost(has_health=has_health)
    with served(host.app) as url, Sandbox(models=False, speech=url) as sandbox:
        answer = whisper(sandbox, wav(0.5, 8000))
        whisper(sandbox, wav(), task="translate", language="fr")
    answered = answer.json()
    assert answer.headers["x-visioncraft-engine"].startswith("whisper.cpp (127.0.0.1:")
    assert answered["text"] == "It says nothing, and says it twice."
    assert (answered["language"], answered["input_length_ms"]) == ("en", 500)
    assert [segment["end"] for segment in answered["segments"]] == [0.25, 0.5]
    assert "seek" not in answered["segments"][0]
    assert (host.forms[0]["language"], host.forms[0]["translate"]) == ("auto", "false")
    assert (host.forms[1]["language"], host.forms[1]["translate"]) == ("fr", "true")


def test_a_server_gets_two_recordings_at_once() -> None:
    host = WhisperCppHost()
    now = most = 0

    async def counting(scope: Any, receive: Any, send: Any) -> None:
        nonlocal now, most
        is_work = scope["method"] == "POST"
        now += is_work
        most = max(most, now)
        await asyncio.sleep(0.1 * is_work)
        await host.app(scope, receive, send)
        now -= is_work

    with (
        served(counting) as url,
        Sandbox(models=False, speech=url) as sandbox,
        ThreadPoolExecutor(6) as threads,
    ):
        answers = list(threads.map(lambda _: whisper(sandbox, wav()), range(6)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert most == 2


def test_something_other_than_a_recording_is_the_callers_to_correct() -> None:
    with (
        served(WhisperCppHost().app) as url,
        Sandbox(models=False, speech=f"whispercpp+{url}") as sandbox,
    ):
        answer = whisper(sandbox, b"\x00\x01\x02\x03" * 50)
    assert answer.status_code == 400
    assert "is a damaged recording" in answer.json()["detail"]


def test_a_missing_model_is_not_the_callers_fault() -> None:
    with (
        served(SpeachesHost().app) as url,
        Sandbox(models=False, speech=f"{url}/v1", speech_model="large-v3") as sandbox,
    ):
        answer = whisper(sandbox, wav())
    assert answer.status_code == 502
    assert "'large-v3' is not installed" in answer.json()["detail"]


async def test_the_tool_transcribes_on_the_server(tmp_path: Any) -> None:
    (tmp_path / "note.wav").write_bytes(wav())
    with served(WhisperCppHost().app) as url:
        async with Sandbox(models=False, speech=url) as sandbox:
            listen = VisionCraftTranscribe(
                api_key="caller", base_url=sandbox.url, allowed_dirs=[tmp_path]
            )
            transcript = await listen.ainvoke({"audio": str(tmp_path / "note.wav")})
    assert "It says nothing" in transcript
