"""The cookbook's scripts run on the sandbox, and give what they promise."""

from __future__ import annotations

import asyncio
import importlib
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from deepagents import create_deep_agent
from langchain_core.messages import ToolMessage
from PIL import Image
from rich.console import Console
from scripted import Scripted, draw, handle
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import Media, MediaStore, VisionCraftContext

COOKBOOK = Path(__file__).parents[2] / "cookbook"


@pytest.fixture
def connection(sandbox: Sandbox) -> dict[str, Any]:
    return {"api_key": "any", "base_url": sandbox.url}


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a script of the cookbook."""
    monkeypatch.setattr(sys, "path", [str(COOKBOOK), *sys.path])
    return importlib.import_module


def shown(media: Media) -> Image.Image:
    with Image.open(io.BytesIO(media.read())) as picture:
        return picture.convert("RGB")


def test_a_picture_is_drawn_again_until_nothing_is_missing(
    recipe: Any, connection: Any, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = recipe("judge_and_redraw")
    seen = iter([["night"], []])
    monkeypatch.setattr(module, "judge", lambda caption, wanted: next(seen))
    tries = module.draw_until_right(connection, store, "a lighthouse", ["lighthouse", "night"])
    assert [missing for _, missing in tries] == [["night"], []]
    assert store.provenance(tries[1][0].handle)["arguments"]["prompt"] == "night; a lighthouse"


def test_a_picture_is_judged_within_the_budget(
    recipe: Any, connection: Any, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = recipe("judge_and_redraw")
    monkeypatch.setattr(module, "judge", lambda caption, wanted: wanted)
    wanted = ["a thing that no model draws"]
    tries = module.draw_until_right(connection, store, "a red fox", wanted, budget=2)
    assert [missing for _, missing in tries] == [wanted, wanted]


def test_models_are_compared_side_by_side(recipe: Any, connection: Any, store: MediaStore) -> None:
    module = recipe("compare_models")
    models = module.MODELS[:2]
    sheet, page = module.compare(connection, store, "a red fox in the snow", models)
    assert (sheet.width, sheet.height) == (676, 366)
    assert all(model in page for model in models)
    assert page.count("seed 7") == 2


def test_a_character_is_kept_over_the_pages(
    recipe: Any, connection: Any, store: MediaStore
) -> None:
    module = recipe("picture_book")
    first, *pages = module.illustrate(connection, store, module.HERO, module.PAGES[:2])
    assert len({page.handle for page in pages}) == 2
    for page in pages:
        made = store.provenance(page.handle)
        assert made["sources"] == [first.handle]
        assert made["seed"] == 11
        assert module.HERO in made["arguments"]["prompt"]


async def test_a_bot_serves_two_people_at_once(
    recipe: Any, connection: Any, store: MediaStore
) -> None:
    module = recipe("chat_bot")
    photo = (COOKBOOK / "assets" / "demo-page.jpg").read_bytes()
    ann, bob = await module.talk(connection, store, photo)
    assert "image/png" in ann.files[0].mime_type
    own = store.of_user("bob")
    [uploaded] = [media for media in own if media.mime_type == "image/jpeg"]
    assert own.provenance(bob.files[0].handle)["sources"] == [uploaded.handle]
    assert ann.files[0].handle not in own
    assert len(store) == 0


async def test_a_bot_says_what_went_wrong(recipe: Any, connection: Any, store: MediaStore) -> None:
    module = recipe("chat_bot")
    bot = module.Bot({**connection, "base_url": "http://127.0.0.1:9"}, store)
    assert (await asyncio.wait_for(bot.handle("ann", "Hi"), 60)).text.startswith("Sorry")


def test_a_person_approves_each_picture(recipe: Any, connection: Any, store: MediaStore) -> None:
    module = recipe("approve_pictures")
    asked: list[Media] = []

    def ask(media: Media) -> dict[str, Any]:
        asked.append(store.get(media.handle))
        return {"yes": len(asked) > 1, "instead": "Draw a picture of a red fox at night."}

    messages = module.work(connection, store, "Draw a picture of a red fox.", ask)
    drawn = [store.provenance(each.handle)["arguments"]["prompt"] for each in asked]
    assert drawn == ["a red fox", "a red fox at night"]
    assert shown(asked[0]).size == (1024, 1024)
    assert asked[1].handle in messages[-1].text


async def test_the_demo_shows_progress_and_writes_its_page(
    recipe: Any, connection: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, display = recipe("illustrated_story"), recipe("story_display")
    monkeypatch.setattr(module, "request", lambda: "Draw a picture of a red fox in the snow.")
    reported: list[str] = []
    monkeypatch.setattr(
        display.StepDisplay, "_report", lambda self, run, progress: reported.append(progress)
    )
    console, store = Console(file=io.StringIO()), MediaStore(tmp_path / "media")
    messages = await module.illustrate(connection, store, console)
    assert reported == ["waiting in the queue: 1 of 1", "running: drawing"]
    [drawn] = store
    assert drawn.handle in console.file.getvalue()  # type: ignore[attr-defined]
    page = module.write_page(
        tmp_path, title="A fox", story=["A fox."], messages=messages, store=store, note=Path()
    )
    assert page.read_text("utf-8").count(f"media/{drawn.handle}") >= 1


def file_tool(name: str, **arguments: Any) -> dict[str, Any]:
    """A call of a tool of deepagents."""
    return {"name": name, "args": arguments, "id": f"{name}-{len(str(arguments))}"}


def results_of(state: dict[str, Any]) -> list[ToolMessage]:
    return [each for each in state["messages"] if isinstance(each, ToolMessage)]


def deep_steps() -> list[Any]:
    """Draws, then looks at what was drawn by every way there is."""
    return [
        draw("a red fox"),
        lambda done: [file_tool("ls", path="/media/")],
        lambda done: [file_tool("read_file", file_path=f"/media/{handle(done[0])}")],
        lambda done: [file_tool("read_file", file_path=f"/media/{handle(done[0])}.json")],
        lambda done: [file_tool("grep", pattern="red fox")],
        lambda done: [file_tool("glob", pattern="*.{png,gif}", path="/media/")],
    ]


def check_looked(results: list[ToolMessage]) -> None:
    drawn, listed, read, facts, found, globbed = results
    name = handle(drawn)
    assert listed.text == f"['/media/{name}', '/media/{name}.json']"
    assert read.text == drawn.text
    assert '"prompt": "a red fox"' in facts.text
    assert '"caption": "Stored in its file' in facts.text
    assert found.text == f"/media/{name}.json"
    assert globbed.text == f"['/media/{name}']"


def test_a_deep_agent_lists_reads_and_searches_the_store(
    recipe: Any, connection: Any, store: MediaStore
) -> None:
    sees = {"image_inputs": True, "image_tool_message": True}
    model = Scripted(steps=deep_steps(), profile=sees)
    agent = recipe("deep_agent").deep_agent(connection, store, model)
    check_looked(results_of(agent.invoke({"messages": ["Draw a red fox."]})))
    shown = [message for message in model.shown[3] if message.type == "tool"][-1]
    assert [block["type"] for block in shown.content] == ["text", "text", "image"]  # type: ignore[index]


async def test_a_deep_agent_sees_the_media_of_its_user_only(
    recipe: Any, connection: Any, store: MediaStore
) -> None:
    store.add(b"GIF89a" + bytes(7) + b";")  # of nobody
    model = Scripted(steps=deep_steps())
    agent = recipe("deep_agent").deep_agent(connection, store, model)
    context = VisionCraftContext(user="ann")
    state = await agent.ainvoke({"messages": ["Draw a red fox."]}, context=context)
    check_looked(results_of(state))
    assert len(store.of_user("ann")) == 1


def test_a_deep_agent_cannot_write_where_media_are(
    recipe: Any, connection: Any, store: MediaStore
) -> None:
    kept = store.add(b"GIF89a" + bytes(7) + b";")
    path = f"/media/{kept.handle}"
    calls = [
        file_tool("write_file", file_path="/media/a.txt", content="x"),
        file_tool("edit_file", file_path=f"{path}.json", old_string="image", new_string="text"),
        file_tool("delete", file_path=path),
        file_tool("read_file", file_path="/media/a1b2c3d4e5f6.png"),
        file_tool("write_file", file_path="/notes.md", content="x"),
    ]
    agent = recipe("deep_agent").deep_agent(connection, store, Scripted(steps=[lambda _: calls]))
    *refused, written = results_of(agent.invoke({"messages": ["Tidy up."]}))
    assert [each.status for each in refused] == ["error"] * 4
    assert "read-only" in refused[0].text
    assert "not supported" in refused[2].text
    assert kept.handle in refused[3].text  # one that there is
    assert written.status == "success"
    assert list(store.verify()) == []


def test_without_show_media_a_deep_agent_reads_an_image_block(
    recipe: Any, store: MediaStore, pictures: Path
) -> None:
    kept = store.add(next(pictures.glob("*.png")))
    steps = [lambda done: [file_tool("read_file", file_path=f"/{kept.handle}")]]
    agent = create_deep_agent(
        Scripted(steps=steps), backend=recipe("deep_agent").MediaBackend(store)
    )
    [read] = results_of(agent.invoke({"messages": ["What is it?"]}))
    [block] = read.content_blocks
    assert (block["type"], block.get("mime_type")) == ("image", "image/png")


@pytest.mark.parametrize("path", sorted(COOKBOOK.glob("*.py")), ids=lambda path: path.stem)
def test_each_script_says_how_to_run_it(path: Path) -> None:
    """Those that are run by hand."""
    text = path.read_text()
    if "def main()" in text:
        assert re.search(rf"python cookbook/{path.name}", text)
