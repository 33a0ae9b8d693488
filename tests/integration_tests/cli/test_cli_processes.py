"""The command as a process: pipes, signals and a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import Media, MediaStore

MAIN = "from langchain_visioncraft.cli import main; main()"
COMMAND = [sys.executable, "-c", MAIN]
# The first terminal that the leader of a session opens is the one that controls it.
IN_TERMINAL = [
    *(sys.executable, "-c"),
    f"import os; os.close(os.open(os.ttyname(0), os.O_RDWR)); {MAIN}",
]
SMALL = ("--width", "64", "--height", "64")


def environment(sandbox: Sandbox) -> dict[str, str]:
    settings = {"VISIONCRAFT_BASE_URL": sandbox.url, "VISIONCRAFT_API_KEY": "any"}
    return {**os.environ, **settings, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}


def test_bytes_pass_through(drawing_sandbox: Sandbox, tmp_path: Path, pictures: Path) -> None:
    ran = subprocess.run(
        [*COMMAND, "edit", "-", "at night", "-o", "-"],
        input=(pictures / "cat.png").read_bytes(),
        capture_output=True,
        check=False,
        env=environment(drawing_sandbox),
        cwd=tmp_path,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert Media.from_bytes(ran.stdout).mime_type == "image/png"
    assert list(tmp_path.iterdir()) == []


def run(sandbox: Sandbox, folder: Path, *arguments: str, **settings: Any) -> Any:
    """Run a command to its end; stdout and stderr as bytes."""
    more = settings.pop("more", {})
    return subprocess.run(
        [*COMMAND, *arguments],
        **{"capture_output": True, "stdin": subprocess.DEVNULL, **settings},
        check=False,
        env={**environment(sandbox), **more},
        cwd=folder,
    )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "shift_jis", "utf-8", "utf-16"])
def test_stdout_may_have_any_encoding(sandbox: Sandbox, tmp_path: Path, encoding: str) -> None:
    info = PngInfo()
    info.add_itxt("parameters", "a cat \U0001f408 under the moon \u6708, caf\xe9")
    Image.new("RGB", (16, 16)).save(tmp_path / "\u6708:cat:.png", pnginfo=info)
    more = {"PYTHONIOENCODING": encoding}
    told = run(sandbox, tmp_path, "caption", "\u6708:cat:.png", more=more)
    assert (told.returncode, told.stderr) == (0, b"")
    assert "under the moon" in told.stdout.decode(encoding)
    told = run(sandbox, tmp_path, "caption", "\u6708:cat:.png", "--json", more=more)
    assert (
        "a cat \U0001f408 under the moon \u6708"
        in json.loads(told.stdout.decode(encoding))["caption"]
    )


@pytest.mark.parametrize(
    "name", [":cat:.png", "run:100:x/[red]:cat:.png", "\u6708 %20.png", "\udcff.png"]
)
def test_the_path_that_is_printed_is_the_path_that_was_written(
    drawing_sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    more = {"PYTHONIOENCODING": "utf-8"}
    told = run(drawing_sandbox, tmp_path, "image", "cat", *SMALL, "-o", name, more=more)
    assert (told.returncode, os.fsdecode(told.stdout.strip())) == (0, name)
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_a_prompt_on_stdin_may_have_any_encoding(
    drawing_sandbox: Sandbox, tmp_path: Path, encoding: str
) -> None:
    told = run(
        drawing_sandbox, tmp_path, "image", "-", *SMALL, "-o", "a.png",
        input="a caf\xe9\r\n".encode(encoding), stdin=None, more={"PYTHONIOENCODING": "cp1252"},
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, b"")
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["parameters"].startswith("a caf\xe9\n")


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0JFIF\0\xff\xff", "a cat".encode("utf-16-le")])
def test_what_is_no_text_on_stdin_is_no_prompt(
    sandbox: Sandbox, tmp_path: Path, data: bytes
) -> None:
    told = run(sandbox, tmp_path, "image", "-", "-o", "a.png", input=data, stdin=None)
    assert told.returncode == 2
    assert b"the prompt from stdin is not valid UTF-8 text" in told.stderr


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_stream_may_be_closed(drawing_sandbox: Sandbox, tmp_path: Path, closed: int) -> None:
    close = f"import os, sys; os.close({closed}); sys.argv[0] = sys.executable"
    close += "; os.execv(sys.executable, sys.argv)"
    ran = subprocess.run(
        [sys.executable, "-c", close, "-c", MAIN, "image", "cat", *SMALL, "-o", "a.png"],
        capture_output=True,
        check=False,
        env=environment(drawing_sandbox),
        cwd=tmp_path,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert (tmp_path / "a.png").is_file()


def test_whoever_reads_the_output_may_leave(sandbox: Sandbox, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    told = run(
        sandbox, tmp_path, "models", capture_output=False, stdout=writer, stderr=subprocess.PIPE
    )
    os.close(writer)
    assert (told.returncode, told.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("image", "cat", *SMALL, "-o", "a.jpg"), 0), (("imgae",), 2)],  # the first has a remark
    ids=["remark", "error"],
)
def test_a_full_stderr_changes_no_result(
    drawing_sandbox: Sandbox, tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    with Path("/dev/full").open("wb") as full:
        told = run(
            drawing_sandbox, tmp_path, *arguments,
            capture_output=False, stdout=subprocess.PIPE, stderr=full,
        )  # fmt: skip
    assert (told.returncode, told.stdout) == (code, b"" if code else b"a.jpg\n")


def test_an_interrupt_ends_it_quietly(drawing_sandbox: Sandbox, tmp_path: Path) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", delay=600))
    asked = len(drawing_sandbox.requests)
    running = subprocess.Popen(
        [*COMMAND, "image", "a fox", *SMALL, "-o", "fox.png"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(drawing_sandbox), "TMPDIR": str(tmp_path)},
        cwd=tmp_path,
    )
    while len(drawing_sandbox.requests) == asked and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, told = running.communicate(timeout=100)
    assert (running.returncode, out, told) == (130, b"", b"\n")
    assert list(tmp_path.iterdir()) == []


class Terminal:
    """A terminal with a command in it."""

    def __init__(
        self,
        *arguments: str,
        sandbox: Sandbox,
        folder: Path,
        stdout: int | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._end, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [*IN_TERMINAL, *arguments],
            stdin=other,
            stdout=other if stdout is None else stdout,
            stderr=other,
            env={**environment(sandbox), **(more or {})},
            cwd=folder,
            start_new_session=True,
        )
        os.close(other)
        self.shown = self.raw = ""

    def until(self, text: str) -> None:
        """Read until this was shown."""
        while text not in self.shown and self._read():
            pass
        assert text in self.shown
        self.shown = self.shown.partition(text)[2]

    def rest(self) -> str:
        """Read to the end, and give what was shown without colours."""
        while self._read():
            pass
        self.process.wait()
        os.close(self._end)
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown)

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def _read(self) -> bool:
        try:
            data = os.read(self._end, 65536)
        except OSError:  # Linux says so when the last process of a terminal has left
            return False
        self.shown += data.decode(errors="replace")
        self.raw += data.decode(errors="replace")
        return bool(data)


def test_a_terminal_shows_progress_and_the_picture(
    drawing_sandbox: Sandbox, tmp_path: Path
) -> None:
    terminal = Terminal("image", "a fox", *SMALL, sandbox=drawing_sandbox, folder=tmp_path)
    terminal.until("Drawing")
    shown = terminal.rest()
    assert terminal.process.returncode == 0, shown
    assert "▀▀▀▀" in shown
    assert "Traceback" not in shown
    assert re.search(r"/visioncraft-media/\w+\.png \(image/png, 64x64, ", shown)


@pytest.mark.parametrize(
    "arguments",
    [
        ("image", "a fox", *SMALL),
        ("image", "a fox", *SMALL, "--show"),
        ("image", "a fox", "--engine", "dall-e"),
        ("store", "show", "<handle>"),
        ("limits",),
        ("models", "sd", "samplers"),
        ("image", "--help"),
        ("chat", "Name an animal."),
    ],
    ids=" ".join,
)
def test_a_pipe_gets_nothing_but_text(
    drawing_sandbox: Sandbox, tmp_path: Path, pictures: Path, arguments: tuple[str, ...]
) -> None:
    handle = MediaStore(tmp_path / "visioncraft-media").add(pictures / "cat.png").handle
    coloured = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TTY_COMPATIBLE": "1"}
    # Stdin and stderr are the terminal; only stdout is piped.
    terminal = Terminal(
        *(handle if each == "<handle>" else each for each in arguments),
        sandbox=drawing_sandbox,
        folder=tmp_path,
        stdout=subprocess.PIPE,
        more=coloured,
    )
    assert terminal.process.stdout
    with terminal.process.stdout:
        piped = terminal.process.stdout.read().decode()
    terminal.rest()
    for text in (piped, terminal.raw):
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f▀]", text), text
    assert "Drawing" not in terminal.raw


def test_a_terminal_may_do_without_colours(drawing_sandbox: Sandbox, tmp_path: Path) -> None:
    shown = {}
    for value in ("", "1"):
        terminal = Terminal(
            "imgae", sandbox=drawing_sandbox, folder=tmp_path, more={"NO_COLOR": value}
        )
        terminal.rest()
        shown[value] = terminal.raw
    assert "\x1b[31mvisioncraft:\x1b[0m No such command" in shown[""]
    assert "\x1b" not in shown["1"]


def test_a_terminal_that_knows_sixel_gets_it(
    drawing_sandbox: Sandbox, tmp_path: Path, pictures: Path
) -> None:
    kept = MediaStore(tmp_path).add(pictures / "cat.png")
    terminal = Terminal(
        *("store", "show", kept.handle, "--store", "."), sandbox=drawing_sandbox, folder=tmp_path
    )
    terminal.until("\x1b[c")  # it asks what the terminal is,
    terminal.type("\x1b[?62;4c")  # which is one with Sixel
    terminal.until("\x1bP")
    assert terminal.rest().endswith(f"{kept.describe()}\r\n")
    assert terminal.process.returncode == 0


def test_a_conversation(drawing_sandbox: Sandbox, tmp_path: Path, pictures: Path) -> None:
    terminal = Terminal(
        *("chat", "--image", str(pictures / "cat.png")), sandbox=drawing_sandbox, folder=tmp_path
    )
    terminal.until("> ")
    terminal.type("What is it?\n")
    terminal.until("pixels")
    terminal.until("> ")
    drawing_sandbox.faults.inject(Fault(endpoint="POST /v1/chat/completions", status=400))
    terminal.type("And its colours?\n")
    terminal.until("400")
    terminal.until("> ")
    terminal.type("What was it?\n")
    terminal.until("> ")
    terminal.type("\x04")
    terminal.rest()
    assert terminal.process.returncode == 0
    said = drawing_sandbox.requests[-1].body["messages"]
    # What failed was not said; the picture was, once.
    assert [each["role"] for each in said] == ["user", "assistant", "user"]
    assert said[-1]["content"] == "What was it?"
