"""Exit codes, missing packages, and what a start imports."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from langchain_visioncraft import Media, MediaStore, VisionCraftClient, errors
from langchain_visioncraft.cli.app import app
from langchain_visioncraft.cli.problems import exit_code, print_json, report
from langchain_visioncraft.cli.results import check, say, show_picture

CODES = {
    errors.InvalidRequestError: 2,
    errors.UnknownHandleError: 2,
    errors.ForbiddenInputError: 2,
    errors.MissingKeyError: 3,
    errors.AuthenticationError: 3,
    errors.SubscriptionError: 3,
    errors.RateLimitError: 4,
    errors.ConnectionFailedError: 5,
    errors.TimedOutError: 5,
    errors.CertificateError: 5,
    errors.BadRequestError: 6,
    errors.UnknownNameError: 6,
    errors.EndpointNotFoundError: 6,
    errors.ServerError: 6,
    errors.UnexpectedAnswerError: 6,
    errors.TaskFailedError: 6,
    errors.TaskDeadlineError: 6,
    errors.VisionCraftError: 1,
    OSError: 1,
    ImportError: 1,
    click.ClickException: 1,
    click.UsageError: 2,
    click.BadParameter: 2,
}


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_an_error_has_its_exit_code(kind: type[Exception]) -> None:
    assert exit_code(kind("What was wrong.")) == CODES[kind]


def test_a_failure_is_one_sentence_and_json_if_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = errors.RateLimitError("Wait.", status=429, endpoint="POST /sd", retry_after=7.0)
    assert report(error, as_json=True) == 4
    printed = capsys.readouterr()
    assert printed.err == "visioncraft: Wait.\n"
    assert json.loads(printed.out) == {
        "error": {
            "type": "RateLimitError",
            "message": "Wait.",
            "status": 429,
            "endpoint": "POST /sd",
            "retry_after": 7.0,
        }
    }


def test_what_comes_from_a_host_cannot_steer_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "a\x1b]0;title\x07\x9b2J[red]b"
    report(errors.ServerError(hostile))
    say(hostile)
    assert capsys.readouterr() == (hostile, "visioncraft: a\\x1b]0;title\\x07\\x9b2J[red]b\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    say(hostile)
    assert capsys.readouterr().out == r"a\x1b]0;title\x07\x9b2J[red]b"


@pytest.mark.parametrize("command", ["models", "limits"])
def test_a_name_in_a_list_stays_in_its_line(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a\x1b[31m\nb\tc"
    monkeypatch.setenv("VISIONCRAFT_BASE_URL", "http://service.test")
    monkeypatch.setattr(VisionCraftClient, "list_names", lambda *_, **__: [name])
    monkeypatch.setattr(VisionCraftClient, "limits", lambda _: {name: 1})
    result = CliRunner().invoke(app, [command, *(["sd"] if command == "models" else [])])
    assert result.output.rstrip("\n").split("\t")[0] == r"a\x1b[31m\nb\tc"


def test_json_holds_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "a\x1b[31m\x7f\x9b"})
    shown = capsys.readouterr().out
    assert shown[:-1].isprintable()
    assert json.loads(shown) == {"name": "a\x1b[31m\x7f\x9b"}


def test_without_its_package_a_picture_is_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, pictures: Path
) -> None:
    monkeypatch.setitem(sys.modules, "textual_image.renderable", None)
    medium = Media.from_path(pictures / "cat.png")
    show_picture(medium, show=True)
    assert capsys.readouterr() == ("", "The picture is not shown: stdout is not a terminal.\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("langchain_visioncraft.cli.results._can_ask", lambda: True)
    show_picture(medium)
    assert capsys.readouterr() == ("", "")
    show_picture(medium, show=True)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "pip install 'langchain-visioncraft[cli]'" in printed.err


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="a bug"):
        report(ValueError("a bug"))


def test_without_a_key_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["image", "a fox", "--store", str(tmp_path)])
    assert ran.exit_code == 3
    assert "VISIONCRAFT_API_KEY" in ran.stderr
    assert "--sandbox" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["image"], "Missing argument"),
        (["image", "-"], "nothing came from stdin"),
        (["image", "a fox", "-o", "-", "--json"], "both write to stdout"),
        (["image", "a fox", "-o", "none/fox.png"], "there is no folder"),
        (["image", "a fox", "--sandbox", "--base-url", "http://x"], "cannot be combined"),
        (["image", "a fox", "--base-url", "ftp://x"], "base_url"),
        (["image", "a fox", "--timeout", "-1"], "timeout"),
        (["upscale", "none.png"], "There is no file"),
        (["upscale", "-"], "Nothing came from stdin"),
        (["transcribe", "a.wav", "--language", "english"], "There is no file"),
        (["models", "img2img", "loras"], "only schedulers, refiners"),
        (["store", "path", "0123456789ab.png"], "The store is empty"),
        (["paint"], "No such command"),
        (["image", "  "], "the prompt is empty"),
        (["chat", ""], "the message is empty"),
        (["image", "a fox", "-o", ""], "'--out' / '-o': it is empty"),
        (["image", "a fox", "--store", " "], "'--store': it is empty"),
        (["limits", "--base-url", ""], "'--base-url': it is empty"),
        (["mcp", "--transport", "http", "--token", ""], "MCP_TOKEN'): it is empty"),
        (["mcp", "--allow-dir", "a", "--allow-dir", ""], "'--allow-dir': it is empty"),
        (["mcp", "--allowed-host", " "], "'--allowed-host': it is empty"),
        (["mcp", "--tools", ""], "'--tools': it is empty"),
        (["image", "a fox", "-o", "x" * 300], "File name too long"),
        (["upscale", "-fox.png"], "put -- before it, after all options"),
        (["--json", "image", "a fox"], "Put the options of a command after its name."),
        (["models", "nope"], "Invalid value for 'FAMILY'"),
        (["image", "a fox", "--engine", "dalle", "--aspect-ratio", "2:1"], "This engine takes no"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_told_before_anything_is_sent(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, arguments, env={"VISIONCRAFT_API_KEY": "k", "COLUMNS": "200"})
    assert ran.exit_code == (1 if words.startswith("File") else 2), ran.output
    assert words in ran.stderr
    assert ("--json" in arguments) == ("UsageError" in ran.stdout)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("visioncraft up", "upscale"),
        ("visioncraft image --engine mid", "midjourney"),
        ("visioncraft image --engine midjourney --dea", "--deadline"),
        ("visioncraft store prov", "provenance"),
    ],
)
def test_a_shell_completes(line: str, completed: str) -> None:
    environment = {
        "_VISIONCRAFT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    ran = CliRunner().invoke(app, env=environment, prog_name="visioncraft")
    assert ran.stdout.split() == [f"plain,{completed}"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_full_disk_behind_stdout_is_reported_once(
    as_json: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sys.stdout.write", fail)
    error = OSError(28, "No space left on device")
    assert report(error, as_json=as_json) == 1
    assert capsys.readouterr().err == "visioncraft: No space left on device.\n"


@pytest.mark.parametrize("out", ["out.png", "folder/", "folder/made/here/"])
def test_a_place_that_cannot_be_written_to_is_refused_before_a_call(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    check(out, as_json=False, binary=True)
    # Root may write everywhere.
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(click.BadParameter, match=r"'(folder|\.)' is not a folder that can be"):
        check(out, as_json=False, binary=True)


def test_bytes_do_not_spoil_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(click.UsageError, match="binary data to a terminal"):
        check("-", as_json=False, binary=True)
    check("-", as_json=False, binary=False)


def test_the_store_is_listed_told_and_verified(tmp_path: Path, pictures: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        ran = CliRunner().invoke(app, ["store", *arguments, "--store", str(tmp_path / "media")])
        return ran.exit_code, ran.stdout

    store = MediaStore(tmp_path / "media")
    kept = store.add(pictures / "cat.png", tool="by hand", arguments={"prompt": "a cat"})
    assert run("list") == (0, f"{kept.describe()}\n")
    assert run("path", kept.handle) == (0, f"{kept.path}\n")
    assert json.loads(run("list", "--json")[1])["media"][0]["handle"] == kept.handle
    assert json.loads(run("provenance", kept.handle)[1])["arguments"] == {"prompt": "a cat"}
    assert run("show", kept.handle) == (0, f"{kept.describe()}\n")
    assert run("verify") == (0, "")
    assert run("sweep") == (0, "0 leftovers removed.\n")
    assert kept.path
    kept.path.write_bytes(b"damaged")
    code, told = run("verify")
    assert code == 1
    assert kept.handle in told
    code, told = run("verify", "--json", "--quick")
    assert code == 1
    assert json.loads(told)["problems"][0]["handle"] == kept.handle


def test_the_version_is_told() -> None:
    ran = CliRunner().invoke(app, ["--version"])
    assert (ran.exit_code, ran.stdout.split()[0]) == (0, "langchain-visioncraft")
