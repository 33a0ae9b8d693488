"""What a tool gives: one line a medium, and data that survives JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from tool_service import KEY, MAKERS, Service, arguments_for, call, medium, name_of, silence

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftImageToImage,
    VisionCraftImageToVideo,
    VisionCraftTextToImage,
    VisionCraftTextToImageSD1,
    VisionCraftTranscribe,
    VisionCraftUpscale,
)
from langchain_visioncraft.client import Transcript
from langchain_visioncraft.tools import VisionCraftTool
from langchain_visioncraft.tools.jobs import Job

Make = Callable[..., Any]
LINE = re.compile(r"[0-9a-f]{12}\.[a-z0-9]+ \((image|video)/[a-z0-9]+(, [\w. ]+)+\)")
SIGNED = "http://cdn.test/cat.png?X-Signature=s3cr3t"


def contents(store: MediaStore) -> list[bytes]:
    return [path.read_bytes() for path in Path(store.root).rglob("*") if path.is_file()]


async def test_every_tool_gives_content_and_a_json_safe_artifact(
    make: Make, kind: type[VisionCraftTool], arguments: dict[str, Any], way: str
) -> None:
    message = await call(make(kind), way, arguments)
    assert message.status == "success"
    assert message.content
    assert json.loads(json.dumps(message.artifact)) == message.artifact


async def test_every_tool_gives_its_content_alone_to_code(
    make: Make, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    tool = make(kind)
    assert tool.invoke(arguments) == await tool.ainvoke(arguments)


@pytest.mark.parametrize("kind", MAKERS, ids=name_of)
async def test_a_medium_is_one_line(
    make: Make, kind: type[VisionCraftTool], store: MediaStore, way: str
) -> None:
    message = await call(make(kind), way, arguments_for(kind, store))
    assert LINE.fullmatch(message.content)


@pytest.mark.parametrize("kind", MAKERS, ids=name_of)
async def test_the_media_come_back_from_the_artifact(
    make: Make, kind: type[VisionCraftTool], store: MediaStore, way: str
) -> None:
    message = await call(make(kind), way, arguments_for(kind, store))
    [media] = Media.from_artifact(json.loads(json.dumps(message.artifact)))
    assert media.read() == store.get(media.handle).read()


async def test_several_media_are_several_lines(make: Make, way: str) -> None:
    tool = make(VisionCraftTextToImageSD1)
    message = await call(tool, way, {"prompt": "a cat", "image_count": 3})
    handles = [media.handle for media in Media.from_artifact(message.artifact)]
    assert [line.split()[0] for line in message.content.splitlines()] == handles
    assert len(set(handles)) == 3


async def test_blocks_show_a_picture_to_the_model(make: Make, way: str) -> None:
    tool = make(VisionCraftTextToImage, content="blocks")
    message = await call(tool, way, {"prompt": "a cat"})
    text, picture = message.content_blocks
    assert LINE.fullmatch(text["text"])
    assert (picture["type"], picture["mime_type"]) == ("image", "image/png")
    assert picture == {**picture, **Media.from_bytes(medium("mask.png")).block()}


@pytest.mark.parametrize("kind", [VisionCraftImageToVideo, VisionCraftTranscribe])
async def test_blocks_never_hold_sound_or_video(
    make: Make, kind: type[VisionCraftTool], store: MediaStore, way: str
) -> None:
    message = await call(make(kind, content="blocks"), way, arguments_for(kind, store))
    assert isinstance(message.content, str)


async def test_a_transcript_is_text_and_times(make: Make, store: MediaStore, way: str) -> None:
    arguments = arguments_for(VisionCraftTranscribe, store)
    message = await call(make(VisionCraftTranscribe), way, arguments)
    transcript = Transcript.model_validate(message.artifact)
    assert message.content == transcript.text == "Hello there."
    assert [segment.end for segment in transcript.segments] == [1.5]
    assert message.artifact["source"] == arguments["audio"]


def test_a_transcript_is_no_medium_whatever_facts_a_host_adds() -> None:
    picture = Media.from_bytes(medium("mask.png"))
    heard = Transcript.model_validate({"text": "Hello.", **Media.to_artifact([picture])})
    job = Job(None, sources=["a.wav"])
    _, artifact = VisionCraftTranscribe(api_key="k").finish(heard, job)
    assert artifact["size"] == picture.size
    assert Media.from_artifact(artifact) == []


async def test_a_transcript_may_be_subtitles(make: Make, store: MediaStore, way: str) -> None:
    arguments = arguments_for(VisionCraftTranscribe, store)
    for form, start in {"srt": "1\n00:00:00,000 -->", "vtt": "WEBVTT\n\n00:00:00.000 -->"}.items():
        message = await call(make(VisionCraftTranscribe, format=form), way, arguments)
        assert message.content.startswith(start)
        assert message.content.endswith("Hello there.\n")
        assert message.artifact["text"] == "Hello there."


async def test_a_recording_without_speech_says_so(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    service.says("/whisper", json={"text": "", "segments": []})
    arguments = arguments_for(VisionCraftTranscribe, store)
    for form in ("text", "srt", "vtt"):
        message = await call(make(VisionCraftTranscribe, format=form), way, arguments)
        assert "No speech" in message.content
    assert message.artifact["text"] == ""


# Provenance


async def test_a_sidecar_says_where_a_medium_came_from(
    make: Make, store: MediaStore, way: str
) -> None:
    message = await call(make(VisionCraftTextToImage, width=512), way, {"prompt": "a cat"})
    facts = store.provenance(message.artifact["handle"])
    assert facts["tool"] == "visioncraft_text_to_image"
    assert facts["arguments"] == {
        **facts["arguments"],
        "prompt": "a cat",
        "width": 512,
        "model": "sdxl-base",
    }
    assert datetime.fromisoformat(facts["created"]).tzinfo


@pytest.mark.parametrize("kind", MAKERS, ids=name_of)
async def test_no_file_of_a_store_holds_the_key(
    make: Make, kind: type[VisionCraftTool], store: MediaStore, way: str
) -> None:
    await call(make(kind), way, arguments_for(kind, store))
    files = contents(store)
    assert len(files) >= 2
    assert not [data for data in files if KEY.encode() in data]


async def test_sources_are_in_the_order_of_the_parameters(
    make: Make, store: MediaStore, way: str
) -> None:
    image, mask = store.add(medium("cat.jpg")).handle, store.add(medium("cat.webp")).handle
    arguments = {"mask": mask, "prompt": "a dog", "image": image}
    message = await call(make(VisionCraftImageToImage), way, arguments)
    assert store.provenance(message.artifact["handle"])["sources"] == [image, mask]


async def test_the_signature_of_a_link_is_not_kept(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    message = await call(make(VisionCraftUpscale), way, {"image": SIGNED})
    facts = store.provenance(message.artifact["handle"])
    assert service.body("/upscale")["image"] == SIGNED
    assert facts["sources"] == [facts["arguments"]["image"]] == ["http://cdn.test/cat.png"]


# Handles


async def test_handles_pass_from_tool_to_tool(make: Make, store: MediaStore, way: str) -> None:
    drawn = await call(make(VisionCraftTextToImage), way, {"prompt": "a cat"})
    handle = drawn.content.split()[0]
    enlarged = await call(make(VisionCraftUpscale), way, {"image": handle})
    assert store.provenance(enlarged.artifact["handle"])["sources"] == [handle]


@pytest.mark.parametrize("form", ["{}", "'{}'", " `{}` ", "<{}>"])
async def test_quotes_around_a_handle_are_forgiven(
    make: Make, store: MediaStore, way: str, form: str
) -> None:
    handle = store.add(medium("cat.jpg")).handle
    message = await call(make(VisionCraftUpscale), way, {"image": form.format(handle)})
    assert message.status == "success"


@pytest.mark.parametrize("form", ["path", "bytes", "media", "artifact", "data URL"])
async def test_code_may_pass_what_it_has(
    make: Make, store: MediaStore, pictures: Path, service: Service, *, way: str, form: str
) -> None:
    kept = store.add(medium("cat.jpg"))
    value = {
        "path": pictures / "cat.jpg",
        "bytes": medium("cat.jpg"),
        "media": kept,
        "artifact": Media.to_artifact([kept]),
        "data URL": kept.data_url(),
    }[form]
    await call(make(VisionCraftUpscale), way, {"image": value})
    assert service.body("/upscale")["image"] == kept.data_url().partition(",")[2]


async def test_a_file_of_an_allowed_folder_may_be_named(
    make: Make, service: Service, pictures: Path, way: str
) -> None:
    tool = make(VisionCraftUpscale, allowed_dirs=[pictures])
    message = await call(tool, way, {"image": "cat.jpg"})
    assert message.status == "success"


async def test_it_may_be_named_from_where_the_process_runs(
    make: Make,
    service: Service,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    monkeypatch.chdir(pictures.parent)
    tool = make(VisionCraftUpscale, allowed_dirs=[pictures.name])
    message = await call(tool, way, {"image": f"{pictures.name}/cat.jpg"})
    assert message.status == "success"
    outside = await call(tool, way, {"image": f"{pictures.name}/../conftest.py"})
    assert f"that allowed_dirs= names: {pictures}" in outside.content


async def test_no_other_file_may_be_named(
    make: Make, service: Service, pictures: Path, tmp_path: Path, way: str
) -> None:
    (tmp_path / "link.jpg").symlink_to(pictures / "cat.jpg")
    (tmp_path / "cat.jpg").write_bytes(medium("cat.jpg"))
    for named in (str(pictures / "cat.jpg"), "../media/cat.jpg", "link.jpg", "file:///etc/passwd"):
        tool = make(VisionCraftUpscale, allowed_dirs=[tmp_path / "none", tmp_path])
        message = await call(tool, way, {"image": named})
        assert message.status == "error", named
    assert not service.requests


async def test_a_forged_location_in_an_artifact_is_not_believed(
    make: Make, service: Service, store: MediaStore, pictures: Path, way: str
) -> None:
    forged = {"handle": "0123456789ab.jpg", "location": str(pictures / "cat.jpg"), "size": 1}
    message = await call(make(VisionCraftUpscale), way, {"image": forged})
    assert "no '0123456789ab.jpg' in the media store" in message.content
    assert not service.requests


async def test_a_recording_is_no_picture(make: Make, store: MediaStore, way: str) -> None:
    handle = store.add(silence()).handle
    message = await call(make(VisionCraftUpscale), way, {"image": handle})
    assert "audio/wav, but a picture" in message.content


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({"steps": None}, {"steps": 30}),
        ({"steps": "null"}, {"steps": 30}),
        ({"steps": "20.0", "width": "256"}, {"steps": 20, "width": 256}),
        ({"loras": '{"add_detail": "0.5"}'}, {"loras": {"add_detail": 0.5}}),
        ({"loras": "None"}, {"loras": None}),
    ],
)
async def test_arguments_with_an_evident_meaning_are_put_right(
    make: Make, service: Service, way: str, given: dict[str, Any], meant: dict[str, Any]
) -> None:
    message = await call(make(VisionCraftTextToImage), way, {"prompt": "a cat", **given})
    assert message.status == "success"
    [body] = [json.loads(each.content) for each in service.requests if b"a cat" in each.content]
    assert {name: body.get(name) for name in meant} == meant


def test_a_bare_text_that_is_a_json_object_is_the_arguments(make: Make, service: Service) -> None:
    tool = make(VisionCraftTextToImage)
    tool.invoke('{"prompt": "a cat", "steps": "20"}')
    assert json.loads(service.requests[-1].content)["steps"] == 20
    tool.invoke('{"a": 1}')  # no argument: a prompt, as it stands
    assert json.loads(service.requests[-1].content)["prompt"] == '{"a": 1}'
