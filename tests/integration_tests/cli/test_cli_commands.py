"""The commands against a sandbox, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.cli.app import app

KEY = "vc-canary-2b7d40c9e1aa"
SMALL = ("--width", "64", "--height", "64")
Run = Callable[..., Result]


@pytest.fixture
def run(drawing_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder; the key never shows."""
    monkeypatch.chdir(tmp_path)
    environment = {
        "VISIONCRAFT_BASE_URL": drawing_sandbox.url,
        "VISIONCRAFT_API_KEY": KEY,
        "COLUMNS": "200",
    }

    def invoke(*arguments: str, stdin: str | bytes | None = None) -> Result:
        ran = CliRunner().invoke(app, [*arguments, "--retries", "0"], stdin, environment)
        assert KEY not in ran.output
        if ran.exception and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran

    return invoke


@pytest.fixture
def picture(pictures: Path) -> str:
    return str(pictures / "cat.png")


@pytest.mark.parametrize(
    ("arguments", "mime"),
    [
        (("image", "a fox", *SMALL), "image/png"),
        (("image", "a fox", "--engine", "sd1", "--width", "512"), "image/png"),
        (("image", "a fox", "--engine", "openjourney", "--width", "128"), "image/png"),
        (("edit", "<picture>", "at night", "--strength", "0.4"), "image/png"),
        (("edit", "<picture>", "at night", "--api-version", "2023-11", *SMALL), "image/png"),
    ],
    ids=lambda value: "-".join(value[:4:3]) if isinstance(value, tuple) else "",
)
def test_a_result_lies_in_the_store_and_a_pipe_gets_its_path(
    run: Run, picture: str, tmp_path: Path, arguments: tuple[str, ...], mime: str
) -> None:
    ran = run(*(picture if each == "<picture>" else each for each in arguments))
    assert (ran.exit_code, ran.stderr) == (0, "")
    path = Path(ran.stdout.removesuffix("\n"))
    assert path.parent == tmp_path / "visioncraft-media"
    assert Media.from_path(path).mime_type == mime
    assert MediaStore("visioncraft-media").provenance(path.name)["tool"].startswith("visioncraft_")


def test_auto_draws_with_the_first_engine_that_the_host_offers(
    run: Run, drawing_sandbox: Sandbox
) -> None:
    ran = run("image", "a fox", "--engine", "auto", *SMALL, "--seed", "7", "--json")
    assert ran.exit_code == 0, ran.stderr
    [handle] = [each["handle"] for each in json.loads(ran.stdout)["media"]]
    made = MediaStore("visioncraft-media").provenance(handle)
    assert (made["tool"], made["arguments"]["seed"]) == ("visioncraft_image", 7)
    for path in ("/image/samplers", "/image/models/FLUX.1", "/image/models/SD-1.5"):
        drawing_sandbox.faults.inject(Fault(endpoint=f"GET {path}", status=404))
    ran = run("image", "a fox", "--engine", "auto", *SMALL, "--json")
    assert ran.exit_code == 0, ran.stderr
    assert drawing_sandbox.requests[-1].path == "/sd"
    assert drawing_sandbox.requests[-1].body["sampler"] == "Euler"  # as without auto


def test_auto_refuses_what_the_engine_of_the_host_does_not_take(
    run: Run, drawing_sandbox: Sandbox
) -> None:
    for path in ("/image/samplers", "/image/models/FLUX.1", "/image/models/SD-1.5"):
        drawing_sandbox.faults.inject(Fault(endpoint=f"GET {path}", status=404))
    ran = run("image", "a fox", "--engine", "auto", "--seed", "7", "--json")
    assert ran.exit_code == 2
    message = json.loads(ran.stdout)["error"]["message"]
    assert "draws with sd, which takes no --seed" in message
    assert "sdxl, midjourney" in message


def test_a_host_without_an_engine_for_auto_is_reported_with_what_it_offers(
    run: Run, drawing_sandbox: Sandbox
) -> None:
    for path in (
        *("/image/samplers", "/image/models/FLUX.1", "/image/models/SD-1.5", "/sd/samplers"),
        *("/sd/models", "/sd/models-sdxl", "/models-xl", "/models"),
    ):
        drawing_sandbox.faults.inject(Fault(endpoint=f"GET {path}", status=404))
    ran = run("image", "a fox", "--engine", "auto", "--json")
    assert ran.exit_code == 6
    error = json.loads(ran.stdout)["error"]
    assert error["type"] == "EndpointNotFoundError"
    assert "It offers midjourney, openjourney: choose with --engine." in error["message"]


def test_an_engine_that_a_host_does_not_have_is_reported_with_those_that_it_has(
    run: Run, drawing_sandbox: Sandbox
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", status=404))
    ran = run("image", "a fox", "--engine", "sd")
    assert ran.exit_code == 6
    assert "This host offers sd, image, sd1, sdxl" in ran.stderr


def test_midjourney_takes_its_deadline(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.client.tasks.FIRST_PAUSE", 0.05)
    ran = run("image", "a fox", "--engine", "midjourney", "--deadline", "0.1", "--json")
    assert ran.exit_code == 6
    assert json.loads(ran.stdout)["error"]["type"] == "TaskDeadlineError"


def test_a_result_goes_where_it_is_wanted(run: Run, tmp_path: Path) -> None:
    ran = run("image", "a fox", *SMALL, "-o", "fox.png")
    assert (ran.exit_code, ran.stdout) == (0, "fox.png\n")
    assert [path.name for path in tmp_path.iterdir()] == ["fox.png"]
    ran = run("image", "a fox", *SMALL, "-o", "made/here/")
    assert (tmp_path / ran.stdout.strip()).parent == tmp_path / "made" / "here"
    ran = run("image", "a fox", *SMALL, "-o", "fox.jpg")
    assert "image/png" in ran.stderr


def test_a_tilde_that_the_shell_left_alone_is_the_home(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    ran = run("image", "a fox", *SMALL, "--out=~/fox.png")
    assert ran.stdout == f"{tmp_path / 'home/fox.png'}\n"
    ran = run("edit", "~/fox.png", "at night", "-o", "~/made/")
    assert Path(ran.stdout.strip()).parent == tmp_path / "home/made"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_several_results_are_numbered(run: Run, tmp_path: Path) -> None:
    ran = run("image", "a", "--engine", "sd1", "--image-count", "2", "-o", "fox.png")
    assert ran.stdout == "fox-1.png\nfox-2.png\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fox-1.png", "fox-2.png"]


def test_bytes_go_through_pipes(run: Run, pictures: Path) -> None:
    drawn = run("image", "-", *SMALL, "-o", "-", stdin="a fox\n").stdout_bytes
    assert Media.from_bytes(drawn).width == 64
    changed = run("edit", "-", "at night", "-o", "-", stdin=drawn).stdout_bytes
    assert Media.from_bytes(changed).width == 64
    assert changed != drawn


def test_each_of_several_pictures_is_made_again_with_its_own_seed(run: Run) -> None:
    drawing = ("image", "a fox", "--engine", "image", *SMALL, "--seed", "7", "--image-count", "2")
    made = [each["handle"] for each in json.loads(run(*drawing, "--json").stdout)["media"]]
    store = MediaStore("visioncraft-media")
    assert [store.provenance(handle)["arguments"]["seed"] for handle in made] == [7, 8]
    assert Path(run("again", made[1]).stdout.strip()).name == made[1] != made[0]


def test_a_picture_that_does_not_vary_is_reported(run: Run) -> None:
    handle = Path(run("image", "a fox", *SMALL).stdout.strip()).name
    varied = run("vary", handle)
    assert Path(varied.stdout.strip()).name == handle
    assert "takes no seed" in varied.stderr
    drawing = ("image", "a fox", "--engine", "image", *SMALL, "--seed", "7")
    varied = run("vary", Path(run(*drawing).stdout.strip()).name)
    assert "takes no seed" not in varied.stderr


def test_what_the_store_does_not_take_is_kept_outside(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NotSignedInError(Exception):
        """As storages in the cloud raise it."""

    def fail(*_: Any, **__: Any) -> None:
        raise NotSignedInError("Unable to locate credentials")

    NotSignedInError.__module__ = "botocore.exceptions"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(MediaStore, "add", fail)
    ran = run("image", "a fox", *SMALL, "--json")
    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["error"] == {
        "type": "VisionCraftError", "message": "botocore: Unable to locate credentials",
    }  # fmt: skip
    [kept] = tmp_path.glob("visioncraft-*/*.png")
    assert f"Kept: {kept}\n" in ran.stderr
    assert Media.from_path(kept).width == 64


def test_a_ledger_that_cannot_be_written_does_not_fail_a_paid_call(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "visioncraft-media" / "usage.jsonl").mkdir(parents=True)
    ran = run("image", "a fox", *SMALL)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert Media.from_path(ran.stdout.strip()).width == 64


@pytest.mark.parametrize("command", [("image", "a fox"), ("vary", "0123456789ab.png")])
def test_a_store_that_cannot_be_is_refused_before_a_call(
    run: Run, drawing_sandbox: Sandbox, tmp_path: Path, command: tuple[str, str]
) -> None:
    (tmp_path / "file").touch()
    asked = len(drawing_sandbox.requests)
    no_folder, no_protocol = "is not a folder that can be written to", "Protocol not known: nosuch"
    for store, words in (
        ("file", no_folder),
        ("file/store", no_folder),
        ("nosuch://bucket/store", no_protocol),
    ):
        ran = run(*command, "--store", store)
        assert ran.exit_code == 2
        assert words in ran.stderr
    assert len(drawing_sandbox.requests) == asked


def test_what_cannot_be_written_is_kept_in_the_store(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device", "fox.png")

    monkeypatch.setattr(Media, "save", fail)
    ran = run("image", "a fox", *SMALL, "-o", "fox.png")
    assert ran.exit_code == 1
    [kept] = MediaStore(tmp_path / "visioncraft-media")
    assert kept.handle in ran.stderr
    assert "No space left on device" in ran.stderr


def test_handles_pass_from_command_to_command(run: Run, drawing_sandbox: Sandbox) -> None:
    first = json.loads(run("image", "a fox", *SMALL, "--json").stdout)["media"][0]
    ran = run("edit", first["handle"], "at night", "--json")
    [second] = json.loads(ran.stdout)["media"]
    assert MediaStore("visioncraft-media").provenance(second["handle"])["sources"] == [
        first["handle"]
    ]
    assert drawing_sandbox.requests[-1].path == "/img2img"


def test_options_reach_the_host(run: Run, drawing_sandbox: Sandbox) -> None:
    run("image", "a fox", *SMALL, "--cfg-scale", "9", "--lora", "add_detail=0.5", "--steps", "3")
    sent = drawing_sandbox.requests[-1].body
    assert sent["cfg_scale"] == 9
    assert sent["steps"] == 3
    assert sent["loras"] == {"add_detail": 0.5}


def test_a_caption_is_a_line_a_file_or_json(
    run: Run, picture: str, tmp_path: Path, drawing_sandbox: Sandbox
) -> None:
    text = run("caption", picture).stdout
    assert "pixels" in text
    assert run("caption", picture, "-o", "cat.txt").stdout == "cat.txt\n"
    assert (tmp_path / "cat.txt").read_text() == text
    told = json.loads(run("caption", picture, "--prompt", "Which colours?", "--json").stdout)
    assert (told["prompt"], told["source"]) == ("Which colours?", picture)
    ran = run("caption", picture, "--model", "llava-v1.6-34b")
    assert ran.exit_code == 6
    assert "Near names: 'llava-1.5-7b-hf'" in ran.stderr
    assert drawing_sandbox.requests[-2].body["model"] == "llava-v1.6-34b"


def test_chat_answers_about_a_picture(run: Run, picture: str, drawing_sandbox: Sandbox) -> None:
    ran = run("chat", "What is it?", "--image", picture, "--system", "Be brief.", "--top-k", "5")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert "pixels" in ran.stdout
    sent = drawing_sandbox.requests[-1].body
    assert (sent["model"], sent["top_k"], sent["stream"]) == ("llava-1.5-7b-hf", 5, True)
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    ran = run("chat", "--image", picture, "--json", stdin="What is it?")
    told = json.loads(ran.stdout)
    assert "pixels" in told["text"]
    assert told["usage"]["total_tokens"] > 0


def test_lists_and_limits(run: Run) -> None:
    assert "karras" in run("models", "sdxl", "schedulers").stdout.splitlines()
    assert run("models", "sd", "samplers", "--contains", "ddim").stdout == "DDIM\n"
    assert "sd1\tanything_V5" in run("models").stdout.splitlines()
    lists = json.loads(run("models", "--json").stdout)["lists"]
    families = ["image", "sd", "sd1", "sdxl", "upscale", "llm"]
    assert [each["family"] for each in lists] == families
    assert "Midjourney\t3 per 24 hours" in run("limits").stdout
    assert "Free Tier" in json.loads(run("limits", "--json").stdout)


def test_a_list_that_a_host_does_not_have_is_left_out(run: Run, drawing_sandbox: Sandbox) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="GET /models-xl", status=404))
    ran = run("models", "--json")
    families = [each["family"] for each in json.loads(ran.stdout)["lists"]]
    assert families == ["image", "sd", "sd1", "upscale", "llm"]
    assert "/models-xl" in ran.stderr


@pytest.mark.parametrize(
    ("fault", "code", "kind"),
    [
        ({"status": 401}, 3, "AuthenticationError"),
        ({"status": 402}, 3, "SubscriptionError"),
        ({"status": 429}, 4, "RateLimitError"),
        ({"hang_up": "before"}, 5, "ConnectionFailedError"),
        ({"status": 500}, 6, "ServerError"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_failure_has_an_exit_code_and_a_sentence(
    run: Run, drawing_sandbox: Sandbox, fault: dict[str, Any], code: int, kind: str
) -> None:
    drawing_sandbox.faults.inject(Fault(endpoint="POST /sd", **fault))
    ran = run("image", "a fox", *SMALL, "--json")
    assert ran.exit_code == code
    told = json.loads(ran.stdout)["error"]
    assert (told["type"], told["endpoint"]) == (kind, "POST /sd")
    assert ran.stderr == f"visioncraft: {told['message']}\n"


def test_a_sandbox_runs_for_one_command(tmp_path: Path) -> None:
    out = str(tmp_path / "fox.png")
    ran = CliRunner().invoke(app, ["image", "a fox", "--sandbox", *SMALL, "-o", out])
    assert (ran.exit_code, ran.stdout) == (0, f"{out}\n")
