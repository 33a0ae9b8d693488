"""Pictures that are shown within bounds, and the store as resources."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import mcp
import numpy as np
import pytest
from fastmcp import Client
from mcp.types import INVALID_PARAMS, ImageContent, PaginatedRequestParams
from PIL import Image
from tool_service import medium, silence

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.mcp import create_server, resources
from langchain_visioncraft.mcp.resources import uri_of
from langchain_visioncraft.mcp.results import picture_content


def noise(side: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    """A picture that compresses badly."""
    bands = Image.new(mode, (1, 1)).getbands()
    pixels = np.random.default_rng(1).integers(0, 255, (side, side, len(bands)), np.uint8)
    file = io.BytesIO()
    Image.frombytes(mode, (side, side), pixels.tobytes()).save(file, kind)
    return file.getvalue()


def shown(content: ImageContent | None) -> tuple[bytes, Image.Image]:
    assert content is not None
    data = base64.b64decode(content.data)
    image = Image.open(io.BytesIO(data))
    assert Image.MIME[image.format or ""] == content.mime_type
    return data, image


def test_a_picture_that_fits_is_shown_as_it_is() -> None:
    data = medium("cat.png")
    assert shown(picture_content(Media.from_bytes(data), len(data)))[0] == data


@pytest.mark.parametrize("most", [100_000, 20_000, 3000])
def test_a_large_picture_is_made_smaller(most: int) -> None:
    data, image = shown(picture_content(Media.from_bytes(noise(400)), most))
    assert most / 4 < len(data) <= most
    assert image.format == "JPEG"


@pytest.mark.parametrize(("width", "height"), [(2048, 64), (64, 1025), (4096, 4096)])
def test_a_picture_of_few_bytes_and_many_pixels_is_made_smaller(width: int, height: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(file, "PNG")
    _, image = shown(picture_content(Media.from_bytes(file.getvalue()), 600_000))
    assert max(image.size) == 1024
    assert image.width / image.height == pytest.approx(width / height, rel=0.02)


def test_a_transparent_picture_stays_transparent() -> None:
    data, image = shown(picture_content(Media.from_bytes(noise(200, mode="RGBA")), 20_000))
    assert len(data) <= 20_000
    assert image.mode == "RGBA"


def test_what_models_do_not_read_is_shown_in_a_form_that_they_do() -> None:
    _, image = shown(picture_content(Media.from_bytes(noise(64, "BMP")), 100_000))
    assert (image.format, image.size) == ("JPEG", (64, 64))


@pytest.mark.parametrize("damage", ["cut off", "too many pixels", "no room"])
def test_what_cannot_be_shown_is_left_to_its_link(damage: str) -> None:
    data, most = noise(100), 1000
    if damage == "cut off":
        data, most = data[:60], 50
    elif damage == "too many pixels":
        data = data[:16] + (60_000).to_bytes(4, "big") * 2 + data[24:]
    else:
        most = 10
    assert picture_content(Media.from_bytes(data), most) is None


async def test_the_pictures_of_a_result_share_the_bound(connect: Any, service: Any) -> None:
    pictures = [noise(side) for side in (100, 120, 140)]
    encoded = [base64.b64encode(picture).decode() for picture in pictures]
    service.says("/generate", json={"images": encoded})
    async with connect({"text_to_image": "sd1"}, content="full", picture_bytes=30_000) as client:
        arguments = {"prompt": "x", "image_count": 3}
        result = await client.call_tool("visioncraft_text_to_image_sd1", arguments)
    images = [block for block in result.content if block.type == "image"]
    links = [block for block in result.content if block.type == "resource_link"]
    assert len(images) == len(links) == 3
    assert sum(len(base64.b64decode(image.data)) for image in images) <= 30_000
    assert [link.size for link in links] == [len(each) for each in pictures]


async def test_a_resource_holds_the_bytes(connect: Any, store: MediaStore) -> None:
    media = [store.add(data) for data in (medium("cat.png"), medium("cat.mp4"), silence())]
    async with connect() as client:
        for each in media:
            read = await client.read_resource(uri_of(each.handle))
            [contents] = read.contents
            assert base64.b64decode(contents.blob) == each.read()
            assert contents.mime_type == each.mime_type


async def all_pages(client: Any) -> list[list[str]]:
    pages, cursor = [], None
    while not pages or cursor:
        page = await client.list_resources(params=PaginatedRequestParams(cursor=cursor))
        pages.append([str(each.uri) for each in page.resources])
        cursor = page.next_cursor
    return pages


@pytest.mark.parametrize("count", [0, 1, 2, 5])
async def test_resources_are_listed_page_by_page_and_each_is_looked_at_once(
    connect: Any, store: MediaStore, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(resources, "PAGE", 2)
    names = ("cat.png", "cat.gif", "cat.mp4", "cat.webp", "mask.png")[:count]
    handles = {store.add(medium(name)).handle for name in names}
    read, get, listed, entries = [], MediaStore.get, [], MediaStore.entries
    monkeypatch.setattr(MediaStore, "get", lambda *the: (read.append(the[1]), get(*the))[1])
    monkeypatch.setattr(MediaStore, "entries", lambda the: (listed.append(1), entries(the))[1])
    async with connect() as client:
        pages = await all_pages(client)
    assert [len(page) for page in pages] == {0: [0], 1: [1], 2: [2], 5: [2, 2, 1]}[count]
    assert sorted(uri for page in pages for uri in page) == sorted(map(uri_of, handles))
    assert sorted(read) == sorted(handles)
    assert len(listed) == 1


async def test_a_list_goes_on_where_it_was_on_another_server_and_beside_other_clients(
    connect: Any, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "PAGE", 2)
    made = [store.add(noise(side)).handle for side in range(1, 6)]
    for age, handle in enumerate(reversed(made)):
        os.utime(Path(store.root) / handle, (1000 - age, 1000 - age))
    async with connect() as client:
        first = await client.list_resources()
        after = PaginatedRequestParams(cursor=first.next_cursor)
        store.remove(made[0])
        store.remove(made[2])
        added = store.add(medium("cat.png")).handle
        async with connect() as another:
            await another.list_resources()
            second = await another.list_resources(params=after)
        third = await client.list_resources(params=after)
    assert [each.name for each in first.resources] == made[:2]
    assert [each.name for each in second.resources] == made[3:]
    assert [each.name for each in third.resources] == [made[3]]  # of the first list
    assert second.next_cursor
    assert added not in [each.name for each in second.resources]


@pytest.mark.parametrize("odd", ["-1", "9" * 30, "9" * 5000, "x ffffffffffff.png", "1.0 ../x"])
async def test_a_cursor_that_no_page_gave_is_refused(connect: Any, odd: str) -> None:
    async with connect() as client:
        with pytest.raises(mcp.MCPError, match=r"Invalid cursor.*nextCursor") as refused:
            await client.list_resources(params=PaginatedRequestParams(cursor=odd))
    assert refused.value.error.code == INVALID_PARAMS
    assert len(str(refused.value)) < 200


async def test_a_cursor_beyond_the_end_gives_an_empty_page(connect: Any, store: MediaStore) -> None:
    handle = store.add(medium("cat.png")).handle
    async with connect() as client:
        far = PaginatedRequestParams(cursor=f"9e999 {handle}")
        page = await client.list_resources(params=far)
    assert (page.resources, page.next_cursor) == ([], None)


async def test_resources_of_ones_own_are_listed_first(toolkit: Any, store: MediaStore) -> None:
    handle = store.add(medium("cat.png")).handle
    server = create_server(toolkit())
    server.resource("about://me")(lambda: "a text")
    async with Client(server) as client:
        listed = await client.list_resources()
        read = await client.read_resource("about://me")
    assert [str(each.uri) for each in listed] == ["about://me", uri_of(handle)]
    assert read[0].text == "a text"


async def test_the_form_of_resources_is_told(connect: Any) -> None:
    async with connect() as client:
        [template] = (await client.list_resource_templates()).resource_templates
    assert template.uri_template == "visioncraft://media/{handle}"


@pytest.mark.parametrize(
    "uri",
    [
        "visioncraft://media/ffffffffffff.png",
        "visioncraft://media/../../etc/passwd",
        "visioncraft://media/..%2F..%2Fsecret.png",
        "visioncraft://media/%2Fetc%2Fpasswd",
        "visioncraft://media/",
        "visioncraft://other/ffffffffffff.png",
        "file:///etc/passwd",
        "http://127.0.0.1/x.png",
    ],
)
async def test_only_media_of_the_store_can_be_read(
    connect: Any, store: MediaStore, tmp_path: Path, uri: str
) -> None:
    (tmp_path / "secret.png").write_bytes(medium("cat.png"))
    store.add(medium("mask.png"))
    async with connect() as client:
        with pytest.raises(mcp.MCPError) as refused:
            await client.read_resource(uri)
    assert refused.value.error.code == INVALID_PARAMS


async def test_a_resource_that_is_too_large_is_refused(
    connect: Any, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "LARGEST_RESOURCE", 100)
    handle = store.add(medium("cat.png")).handle
    async with connect() as client:
        with pytest.raises(mcp.MCPError, match="more than the limit of 100 bytes"):
            await client.read_resource(uri_of(handle))
