"""Servers behind the sandbox that are missing, of another kind, or come and go."""

from __future__ import annotations

import logging
import subprocess
import sys

import httpx
import pytest
from a1111_host import A1111Host
from backend_serving import PATIENCE, served
from chat_host import ChatHost
from comfyui_host import ComfyHost
from starlette.applications import Starlette
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.backends.connection import BackendError
from whisper_hosts import SpeachesHost

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize("option", ["llm", "vision_llm", "images", "speech"])
def test_a_missing_server_is_reported_at_the_start(option: str) -> None:
    shown = f"--{option.replace('_', '-')} (http://127.0.0.1:9) does not answer"
    with pytest.raises(BackendError) as raised:
        Sandbox(models=False, **{option: NOBODY}).start()
    assert shown in str(raised.value)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("llm", "not an OpenAI-compatible server"),
        ("images", "not as Automatic1111, Forge or ComfyUI does"),
        ("speech", "nor as whisper.cpp's server"),
    ],
)
def test_another_kind_of_server_is_reported_at_the_start(option: str, words: str) -> None:
    with served(Starlette()) as url, pytest.raises(BackendError, match=words):
        Sandbox(models=False, **{option: url}).start()


def test_a_prefix_decides_what_a_server_must_be() -> None:
    with served(ComfyHost().app) as url:
        with Sandbox(models=False, images=f"comfyui+{url}") as sandbox:
            assert len(httpx.get(f"{sandbox.url}/models", timeout=PATIENCE).json()) == 2
        with pytest.raises(BackendError, match="not as a1111 does"):
            Sandbox(models=False, images=f"forge+{url}").start()


def test_a_restarted_sandbox_checks_its_servers_again() -> None:
    with served(ChatHost("m").app) as chat_url:
        with served(ComfyHost().app) as url:
            sandbox = Sandbox(models=False, images=url, llm=chat_url)
            for _ in range(2):
                with sandbox:
                    assert len(httpx.get(f"{sandbox.url}/models", timeout=PATIENCE).json()) == 2
                    assert httpx.get(f"{sandbox.url}/models-llm", timeout=PATIENCE).json() == ["m"]
        with pytest.raises(BackendError, match="--images"):
            sandbox.start()


def test_a_missing_and_a_wrong_key_are_distinguished_and_never_shown() -> None:
    with served(A1111Host(auth="user:word").app) as url:
        with pytest.raises(
            BackendError, match="requires a key: put it into VISIONCRAFT_SANDBOX_IM"
        ):
            Sandbox(models=False, images=url).start()
        sandbox = Sandbox(models=False, images=url, images_key="user:wrong")
        with pytest.raises(BackendError, match="refused the key") as raised:
            sandbox.start()
    assert "wrong" not in str(raised.value) + repr(sandbox.config)


def test_a_missing_checkpoint_is_reported_at_the_start() -> None:
    with (
        served(A1111Host().app) as url,
        pytest.raises(BackendError, match="no model 'flux'; it has v1-5-pruned-emaonly"),
    ):
        Sandbox(models=False, images=url, images_model="flux").start()


def test_servers_go_and_come_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    images, chat, speech = (
        A1111Host(auth="user:word"),
        ChatHost("m", key="chat-key"),
        SpeachesHost(),
    )
    body = {"token": "k", "prompt": "x", "model": "sdxl-base", "width": 64, "height": 64}
    said = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    bearer = {"authorization": "Bearer k"}

    def statuses(client: httpx.Client) -> list[int]:
        answers = [
            client.post("/sd", json=body),
            client.post("/v1/chat/completions", json=said, headers=bearer),
            client.post("/whisper", json={"token": "k", "audio": "UklGRgAAAABXQVZF"}),
        ]
        for answer in answers:
            if answer.status_code == 503:
                assert "does not answer (Connect" in answer.text
        return [answer.status_code for answer in answers]

    with served(images.app) as a, served(chat.app) as b, served(speech.app) as c:
        ports = [int(url.rpartition(":")[2]) for url in (a, b, c)]
        sandbox = Sandbox(
            models=False, images=a, images_key="user:word", llm=b, llm_key="chat-key", speech=c
        ).start()
    try:
        with httpx.Client(base_url=sandbox.url, timeout=PATIENCE) as client:
            assert statuses(client) == [503] * 3
            with (
                served(images.app, ports[0]),
                served(chat.app, ports[1]),
                served(speech.app, ports[2]),
            ):
                assert statuses(client) == [200] * 3
    finally:
        sandbox.stop()
    assert "word" not in caplog.text
    assert "chat-key" not in caplog.text


def test_the_command_reports_it_in_one_line() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "visioncraft_sandbox", "--port", "0", "--images", NOBODY],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert "--images (http://127.0.0.1:9) does not answer" in ran.stderr
    assert ran.stderr.count("\n") == 1
