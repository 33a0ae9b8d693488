"""Wrong usage: what was meant, the same for scripts, and nothing done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from langchain_core.messages import AIMessageChunk

from langchain_visioncraft import MediaStore
from langchain_visioncraft.cli.app import app
from langchain_visioncraft.cli.base import load
from langchain_visioncraft.cli.capabilities import CAPABILITIES, _flow
from langchain_visioncraft.cli.chat import Talk
from langchain_visioncraft.media import Usage


def invoke(*arguments: str, **settings: Any) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="visioncraft", **settings)


WRONG = [
    (["imgae", "a fox"], "No such command 'imgae'. Did you mean 'image'?"),
    (["zzz"], "No such command 'zzz'."),
    (["store", "lsit"], "No such command 'lsit'. Did you mean 'list'?"),
    (
        ["image", "a", "--size", "64"],
        "No such option '--size'. Did you mean '--width' or '--height'?",
    ),
    (["image", "a", "--size=64"], "No such option '--size'. Did you mean '--width' or '--height'?"),
    (["image", "a", "--hieght", "64"], "No such option '--hieght'. Did you mean '--height'?"),
    (
        ["upscale", "a.png", "--resise", "2"],
        "No such option '--resise'. Did you mean '--resize' or '--retries'?",
    ),
    (["models", "--base-model", "FLUX.1"], "with lists for each base model: image or sd."),
    (["limits", "--qqq"], "No such option '--qqq'."),
    (["-x"], "No such option '-x'. Put the options of a command after its name."),
    (["--verson"], "No such option '--verson'. Did you mean '--version'?"),
    (
        ["image", "a", "--engine", "midjurney"],
        (
            "'midjurney' is not one of 'sd', 'image', 'sd1', 'sdxl', 'midjourney', 'openjourney', "
            "'dalle', 'kandinsky', 'playground', 'leonardo-xl', 'auto'."
            " Did you mean 'midjourney' or 'openjourney'?"
        ),
    ),
    (
        ["upscale", "a.png", "--resize", "3"],
        "Invalid value for '--resize': '3' is not one of '2', '4'.",
    ),
    (
        ["image", "a", "--steps", "99"],
        "Invalid value for '--steps': 99 is not in the range 1<=x<=35.",
    ),
    (["image"], "Missing argument 'PROMPT'."),
    (["image", "a", "--lora", "x"], "'x' is not NAME=NUMBER, such as detail=0.5."),
]


@pytest.mark.parametrize(
    ("arguments", "words"),
    WRONG,
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_with_what_is_near(arguments: list[str], words: str) -> None:
    ran = invoke(*arguments)
    assert (ran.exit_code, ran.stdout) == (2, "")
    told, hint = ran.stderr.splitlines()
    assert told.startswith("visioncraft: ")
    assert told.endswith(words)
    command = "visioncraft store" if arguments[0] == "store" else "visioncraft"
    assert hint.startswith(f"Try '{command}")
    assert hint.endswith(" --help'.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    WRONG,
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
@pytest.mark.parametrize("first", [True, False], ids=["json-before", "json-behind"])
def test_wrong_usage_is_json_if_that_is_asked_for_anywhere(
    arguments: list[str], words: str, first: bool
) -> None:
    name, *rest = arguments
    ran = invoke(name, "--json", *rest) if first else invoke(*arguments, "--json")
    assert ran.exit_code == 2
    told = json.loads(ran.stdout)["error"]
    assert told["type"] == "UsageError"
    if name != "store":  # a group has no --json of its own
        assert told["message"].endswith(words)
    assert told["message"] in ran.stderr


def test_a_text_that_says_json_is_no_option() -> None:
    ran = invoke("image", "a", "--bogus", "--", "--json")
    assert (ran.exit_code, ran.stdout) == (2, "")


@pytest.mark.parametrize("arguments", [[], ["store"]], ids=["visioncraft", "store"])
def test_a_group_alone_shows_its_help(arguments: list[str]) -> None:
    ran = invoke(*arguments)
    assert ran.exit_code == 2
    assert ran.stdout == invoke(*arguments, "--help").stdout


@pytest.mark.parametrize(
    ("engine", "given", "sides"),
    [
        ("sd", {}, (1024, 1024)),
        ("sd", {"width": 256}, (256, 256)),
        ("sd", {"height": 512}, (512, 512)),
        ("sd", {"width": 256, "height": 64}, (256, 64)),
        ("sd1", {}, (None, None)),
        ("sd1", {"width": 640}, (640, 640)),
        ("sdxl", {"height": 768}, (768, 768)),
        ("openjourney", {"width": 384}, (384, 384)),
        ("sd", {"width": 512, "aspect_ratio": "2:1"}, (512, 256)),
    ],
    ids=str,
)
def test_one_side_alone_keeps_the_proportions(
    engine: str, given: dict[str, Any], sides: tuple[Any, Any]
) -> None:
    endpoint = CAPABILITIES["image"].variants[engine]
    asked, _ = _flow(endpoint, {"prompt": "a fox", **given}, draws=True)
    assert (asked.get("width"), asked.get("height")) == sides


def test_default_pictures_are_squares_and_both_sides_have_the_same_bounds() -> None:
    for capability in CAPABILITIES.values():
        for endpoint in capability.variants.values():
            fields = endpoint.request.model_fields
            if "width" in fields:
                width, height = fields["width"], fields["height"]
                assert (width.default, width.metadata) == (height.default, height.metadata)
                assert width.annotation == height.annotation


def test_media_are_removed_from_the_store(tmp_path: Path, pictures: Path) -> None:
    place = ("--store", str(tmp_path / "media"))
    store = MediaStore(tmp_path / "media")
    names = ("cat.png", "cat.jpg", "cat.gif")
    first, second, third = (store.add(pictures / name).handle for name in names)
    ran = invoke("store", "rm", first, "0123456789ab.png", *place)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "There is no '0123456789ab.png'" in ran.stderr
    assert len(store) == 3
    ran = invoke("store", "rm", first, second, *place)
    assert (ran.exit_code, ran.stdout) == (0, f"{first}\n{second}\n")
    ran = invoke("store", "rm", third, "--json", *place)
    assert json.loads(ran.stdout) == {"removed": [third]}
    assert list(store.verify(older_than=-1)) == []
    ran = invoke("store", "rm", third, "--json", *place)
    assert ran.exit_code == 2
    assert json.loads(ran.stdout)["error"]["type"] == "UnknownHandleError"


@pytest.mark.parametrize(
    ("answer", "code", "left"),
    [("n\n", 1, 1), ("", 1, 1), ("y\n", 0, 0), ("--yes", 0, 0)],
    ids=["no", "end", "yes", "not asked"],
)
def test_a_terminal_is_asked_first(
    store: MediaStore,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    *,
    code: int,
    left: int,
) -> None:
    terminal = SimpleNamespace(isatty=lambda: True, readline=lambda: answer)
    monkeypatch.setattr("langchain_visioncraft.cli.store.sys", SimpleNamespace(stdin=terminal))
    kept = store.add(pictures / "cat.png")
    more = [answer] if answer == "--yes" else []
    ran = invoke("store", "rm", kept.handle, "--store", store.root, *more)
    assert ran.exit_code == code
    assert ran.stdout == ("" if code else f"{kept.handle}\n")
    assert (f"Remove {kept.handle} for good?" in ran.stderr) == (not more)
    assert len(store) == left


def test_what_is_not_installed_is_told_with_how_to_install_it() -> None:
    with pytest.raises(
        ImportError, match=r"'nowhere' is not installed\. Run: pip install 'lang.*\[x\]'"
    ):
        load("nowhere.commands:command", "x")
    with pytest.raises(ModuleNotFoundError):  # a bug
        load("langchain_visioncraft.nowhere:command", "x")


LANGCHAIN = {"langchain_core", "openai", "langchain_openai"}
SENDING = {"httpx", "httpx2", "tenacity", "rich", "PIL", "asyncio", "http"}
MODELS = {"pydantic", "pybase64"}
DECLARED = LANGCHAIN | SENDING | MODELS


def modules_after(arguments: list[str], folder: Path, **environment: str) -> tuple[int, set[str]]:
    """The exit code of a command, and the modules that it imported."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('MODULES', *sys.modules))\n"
        f"from langchain_visioncraft.cli import main; main({arguments})"
    )
    own = {name: value for name, value in os.environ.items() if "VISIONCRAFT" not in name}
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**own, **environment},
    )
    names = ran.stdout.partition("MODULES")[2].split()
    return ran.returncode, {name.partition(".")[0] for name in names}


@pytest.mark.parametrize(
    ("arguments", "code", "unwanted"),
    [
        (["--help"], 0, DECLARED),
        (["imgae"], 2, DECLARED),
        (["image", "--bogus"], 2, DECLARED),
        (["image", "--help"], 0, DECLARED),
        (["image", "--engine", "openjourney", "--help"], 0, DECLARED),
        (["caption", "--help"], 0, DECLARED),
        (["chat", "--help"], 0, DECLARED),
        (["models", "--help"], 0, DECLARED),
        (["mcp", "--help"], 0, DECLARED | {"fastmcp", "mcp"}),
        (["store", "list"], 0, LANGCHAIN | SENDING | {"fsspec"}),
        (["image", "a fox"], 3, LANGCHAIN),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_no_more_than_it_needs(
    arguments: list[str], code: int, unwanted: set[str], tmp_path: Path
) -> None:
    ended, modules = modules_after(arguments, tmp_path)
    assert ended == code
    assert "click" in modules
    assert modules & unwanted == set()


def test_completion_imports_no_model(tmp_path: Path) -> None:
    asked = {"COMP_WORDS": "visioncraft image --wi", "COMP_CWORD": "2"}
    ended, modules = modules_after([], tmp_path, _VISIONCRAFT_COMPLETE="bash_complete", **asked)
    assert ended == 0
    assert "click" in modules
    assert modules & DECLARED == set()


def test_names_in_the_ledger_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    usage = Usage(tool="draw", endpoint="POST /sd", model="a\x1b[31m\nb")
    MediaStore(tmp_path).record(usage)
    ran = CliRunner().invoke(app, ["usage", "--by", "model", "--store", str(tmp_path)])
    assert ran.output.startswith("a\\x1b[31m\\nb ")


def test_the_pieces_of_an_answer_are_added_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[int] = []
    add = AIMessageChunk.__add__

    def counting(self: Any, other: Any) -> Any:
        added.append(1)
        return add(self, other)

    monkeypatch.setattr(AIMessageChunk, "__add__", counting)
    llm: Any = SimpleNamespace(stream=lambda _: (AIMessageChunk("a") for _ in range(50)))
    whole = Talk(llm, None, []).say("Hello.", quiet=True)
    assert whole is not None
    assert whole.text == "a" * 50
    assert len(added) == 1
