"""The ledger: each call that was made for a store, wherever that lies."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tool_service import HOST, KEY, TOOLS, Service, arguments_for, name_of

from langchain_visioncraft import MediaStore, VisionCraftTextToImage
from langchain_visioncraft.cli.app import app
from langchain_visioncraft.media import Usage

FREE = {"visioncraft_catalog", "visioncraft_limits"}


@pytest.fixture(params=["folder", "memory://ledger-{}"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> MediaStore:
    """A local store and one of fsspec."""
    remote = request.param.format(tmp_path.name)
    return MediaStore(tmp_path / "media" if request.param == "folder" else remote)


def test_calls_are_read_in_the_order_in_which_they_were_made(place: MediaStore) -> None:
    assert list(place.usage()) == []
    for number in range(3):
        place.record(Usage(tool=f"tool-{number}", endpoint="POST /sd", user="安娜\ud800"))
    assert [call.tool for call in place.usage()] == ["tool-0", "tool-1", "tool-2"]
    assert len(place) == 0
    assert list(place.verify(older_than=0)) == []


def test_calls_of_many_threads_are_all_there(place: MediaStore) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(
            pool.map(
                lambda n: place.record(Usage(tool=str(n) * 500, endpoint="POST /sd")), range(200)
            )
        )
    assert len({call.tool for call in place.usage()}) == 200


def test_a_line_that_was_cut_off_spoils_no_other(store: MediaStore) -> None:
    store.record(Usage(tool="whole", endpoint="POST /sd"))
    with (Path(store.root) / "usage.jsonl").open("a") as file:
        file.write('{"tool": "half\n\xff\n')
    store.record(Usage(tool="after", endpoint="POST /sd"))
    assert [call.tool for call in store.usage()] == ["whole", "after"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_line_that_a_full_disk_cuts_off_is_an_error_and_spoils_no_other(
    store: MediaStore,
) -> None:
    limit = (
        "import resource, signal, sys\n"
        "from langchain_visioncraft import MediaStore\n"
        "from langchain_visioncraft.media import Usage\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))\n"
        "store = MediaStore(sys.argv[1])\n"
        "for number in range(9):\n"
        "    store.record(Usage(tool=str(number), endpoint='POST /sd'))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", limit, store.root], capture_output=True, text=True, check=False
    )
    assert ended.stderr.splitlines()[-1].startswith("OSError")
    store.record(Usage(tool="after", endpoint="POST /sd"))
    assert [call.tool for call in store.usage()] == ["0", "after"]


def test_the_seconds_of_a_call_are_a_number(store: MediaStore) -> None:
    store.record(Usage(tool="whole", endpoint="POST /sd"))
    with (Path(store.root) / "usage.jsonl").open("a") as file:
        file.write('{"tool": "endless", "endpoint": "POST /sd", "seconds": 1e999}\n')
    assert [call.tool for call in store.usage()] == ["whole"]


@pytest.mark.parametrize("kind", TOOLS, ids=name_of)
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_every_tool_enters_its_call(kind: Any, way: str, store: MediaStore) -> None:
    service = Service()
    service.polls_until_done = 0
    tool = kind(api_key=KEY, base_url=HOST, store=store, **service.clients())
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": arguments_for(kind, store)}
    result = tool.invoke(call) if way == "invoke" else await tool.ainvoke(call)
    assert result.status == "success"
    calls = list(store.usage())
    if tool.name in FREE:
        assert calls == []
        return
    [entered] = calls
    assert entered.tool == tool.name
    assert entered.endpoint.startswith("POST /")
    assert entered.seconds >= 0
    assert not entered.cached
    assert (entered.media > 0) == tool.makes_media
    assert KEY not in entered.model_dump_json()
    if tool.makes_media:
        artifact = result.artifact[0] if isinstance(result.artifact, list) else result.artifact
        facts = store.provenance(artifact["handle"])["call"]
        assert facts["endpoint"] == entered.endpoint


def test_a_ledger_that_cannot_be_written_loses_no_picture(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MediaStore, "record", full)
    monkeypatch.setattr(MediaStore, "remember", full)
    given = {"api_key": KEY, "base_url": HOST, "store": store, **Service().clients()}
    assert "image/png" in VisionCraftTextToImage(cache=True, **given).invoke({"prompt": "x"})


def usage(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["usage", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("tool", ["text_to_image", "upscale"]),
        ("endpoint", ["POST /sd", "POST /upscale"]),
        ("model", ["-", "sdxl-base"]),
        ("user", ["-", "ann"]),
        ("day", ["2026-01-01", "2026-01-02"]),
    ],
)
def test_the_command_adds_up(store: MediaStore, by: str, names: list[str]) -> None:
    draw = {"tool": "visioncraft_text_to_image", "endpoint": "POST /sd", "model": "sdxl-base"}
    facts: dict[str, Any] = {"media": 1, "pixels": 1_000_000, "seconds": 1.5}
    store.record(Usage(**draw, **facts, user="ann", time="2026-01-01T23:59:59+00:00"))
    store.record(Usage(**draw, **facts, user="ann", time="2026-01-01T23:59:59+00:00", cached=True))
    store.record(Usage(tool="visioncraft_upscale", endpoint="POST /upscale", time="2026-01-02"))
    rows = json.loads(usage("--by", by, "--store", store.root, "--json"))["usage"]
    assert [row[by] for row in rows] == names
    drawn = next(row for row in rows if row["media"])
    assert drawn == {by: drawn[by], "calls": 1, "cached": 1, **facts}
    lines = usage("--by", by, "--store", store.root).splitlines()
    assert lines[-1].split() == [
        "all", "2", "calls", "1", "media", "1.0", "megapixels", "1.5", "s", "1", "cached",
    ]  # fmt: skip


def test_the_command_shows_the_store_of_one_user(store: MediaStore) -> None:
    store.of_user("ann").record(Usage(tool="visioncraft_upscale", endpoint="POST /upscale"))
    assert "upscale" in usage("--store", store.root, "--user", "ann")
    assert "upscale" not in usage("--store", store.root)
