"""Pictures become documents."""

from __future__ import annotations

import asyncio
import hashlib
import io
import pickle
import threading
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents.base import Blob
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.stores import InMemoryByteStore
from media_host import HOST, KEY, MediaHost, frames, picture
from PIL import Image

from langchain_visioncraft import VisionCraftCaptionParser, VisionCraftClient
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.document_loaders import FolderByteStore
from langchain_visioncraft.document_loaders.captions import RETRIEVAL_PROMPT
from langchain_visioncraft.errors import (
    InvalidRequestError,
    MediaInputError,
    MissingKeyError,
    RateLimitError,
    UnexpectedAnswerError,
)

COLOURS = ["red", "lime", "blue", "white", "black"]


@pytest.fixture
def make(host: MediaHost) -> Any:
    clients = host.clients()
    return lambda **options: VisionCraftCaptionParser(**{**clients, "max_retries": 0, **options})


def test_a_document_has_all_facts(make: Any, parse: Any, host: MediaHost, tmp_path: Path) -> None:
    data = picture()
    path = tmp_path / "red.png"
    path.write_bytes(data)
    [document] = parse(make(prompt="What is it?"), Blob.from_path(path))
    digest = hashlib.sha256(data).hexdigest()
    assert document.page_content == "PNG 64x48 RGB (255, 0, 0)"
    assert document.metadata == {
        "source": str(path),
        "mime_type": "image/png",
        "sha256": digest,
        "handle": f"{digest[:12]}.png",
        "width": 64,
        "height": 48,
        "model": "llava-1.5-7b-hf",
        "prompt": "What is it?",
    }
    assert uuid.UUID(document.id)


def test_the_id_depends_on_source_bytes_model_and_prompt_alone(make: Any, parse: Any) -> None:
    def id_of(data: bytes, source: str = "a", **options: Any) -> Any:
        blob = Blob.from_data(data, metadata={"source": source})
        return parse(make(**options), blob)[0].id

    same = id_of(picture())
    assert id_of(picture()) == same
    assert id_of(picture(), max_side=32) == same
    others = {
        id_of(picture(), "copy"),
        id_of(picture("blue")),
        id_of(picture(), prompt="Otherwise?"),
        id_of(picture(), model="llava-13b"),
    }
    assert len(others | {same}) == 5


@pytest.mark.parametrize("chat", [False, True])
def test_what_a_model_thought_is_not_in_the_caption(parse: Any, chat: bool) -> None:
    said = "<think>I see [red].</think>\n\nA red square."
    choice = {"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    answer = {"choices": [choice]}
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=answer)))
    parser = VisionCraftCaptionParser(
        base_url=HOST,
        api_key=KEY,
        http_client=http,
        chat_model=FakeListChatModel(responses=[said]) if chat else None,
    )
    [document] = parser.parse(Blob.from_data(picture()))
    assert document.page_content == "A red square."


def test_the_blobs_own_metadata_are_kept(make: Any, parse: Any) -> None:
    blob = Blob.from_data(picture(), metadata={"source": "album/1", "album": "x", "stars": 5})
    [document] = parse(make(), blob)
    assert {"source": "album/1", "album": "x", "stars": 5}.items() <= document.metadata.items()
    assert blob.metadata == {"source": "album/1", "album": "x", "stars": 5}


def test_the_type_is_told_by_content(make: Any, parse: Any, tmp_path: Path) -> None:
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(picture())
    [document] = parse(make(), Blob.from_path(path, mime_type="image/jpeg"))
    assert document.metadata["mime_type"] == "image/png"


def test_data_without_a_source_are_named_by_their_handle(make: Any, parse: Any) -> None:
    [document] = parse(make(), Blob.from_data(picture()))
    assert document.metadata["source"] == document.metadata["handle"]


@pytest.mark.parametrize("prompt", ["{", "{image} and {{braces}}", "100 % {0}", "«Où?» 🦊"])
def test_a_prompt_is_taken_literally(make: Any, parse: Any, host: MediaHost, prompt: str) -> None:
    [document] = parse(make(prompt=prompt), Blob.from_data(picture()))
    assert host.asked[-1].prompt == prompt
    assert document.metadata["prompt"] == prompt


def test_the_default_prompt_serves_retrieval(make: Any, parse: Any, host: MediaHost) -> None:
    parse(make(), Blob.from_data(picture()))
    assert host.asked[-1].prompt == RETRIEVAL_PROMPT
    assert all(word in RETRIEVAL_PROMPT for word in ("subjects", "setting", "text", "style"))


def rotated(form: str = "JPEG") -> bytes:
    """A picture that lies on its side: red is at its left, and at the top when it is upright."""
    image = Image.new("RGB", (80, 40), "blue")
    image.paste("red", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    image.save(buffer, form, exif=exif, quality=95)
    return buffer.getvalue()


@pytest.mark.parametrize("max_side", [None, 1024, 20])
def test_a_picture_is_turned_upright(
    make: Any, parse: Any, host: MediaHost, max_side: int | None
) -> None:
    [document] = parse(make(max_side=max_side), Blob.from_data(rotated()))
    assert (document.metadata["width"], document.metadata["height"]) == (40, 80)
    with Image.open(io.BytesIO(host.asked[0].data)) as sent:
        assert sent.size == ((10, 20) if max_side == 20 else (40, 80))
        assert sent.getexif().get(0x0112, 1) == 1
        red, _, blue = sent.getpixel((5, 1))
        assert (red > 200, blue < 60) == (True, True)
        red, _, blue = sent.getpixel((5, sent.height - 2))
        assert (blue > 200, red < 60) == (True, True)


def test_a_large_picture_is_scaled_down_before_it_is_sent(
    make: Any, parse: Any, host: MediaHost
) -> None:
    [document] = parse(make(), Blob.from_data(picture(size=(3000, 1000), form="JPEG")))
    assert document.page_content.startswith("JPEG 1024x341")
    assert (document.metadata["width"], document.metadata["height"]) == (3000, 1000)


def test_a_very_narrow_picture_keeps_a_pixel(make: Any, parse: Any) -> None:
    [document] = parse(make(max_side=10), Blob.from_data(picture(size=(5000, 1))))
    assert document.page_content.startswith("JPEG 10x1")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_picture_that_needs_nothing_is_sent_as_it_is(
    make: Any, parse: Any, host: MediaHost, form: str
) -> None:
    data = picture(form=form)
    parse(make(), Blob.from_data(data))
    assert host.asked[0].data == data


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (("CMYK", (0, 255, 255, 0), "TIFF"), "JPEG 64x48 RGB"),
        (("CMYK", (0, 255, 255, 0), "JPEG"), "JPEG 64x48 RGB"),
        (("RGBA", (255, 0, 0, 9), "TIFF"), "PNG 64x48 RGBA"),
        (("1", 1, "TIFF"), "JPEG 64x48 RGB"),
        (("RGB", "red", "BMP"), "JPEG 64x48 RGB"),
    ],
)
def test_other_modes_and_types_are_brought_to_common_ones(
    make: Any, parse: Any, given: tuple[str, Any, str], sent: str
) -> None:
    mode, colour, form = given
    [document] = parse(make(), Blob.from_data(picture(colour, form=form, mode=mode)))
    assert document.page_content.startswith(sent)


def test_a_scan_of_sixteen_bits_is_stretched(make: Any, parse: Any, host: MediaHost) -> None:
    buffer = io.BytesIO()
    ramp = np.linspace(1000, 3000, 64 * 48).reshape(48, 64).astype(np.uint16)
    Image.fromarray(ramp).save(buffer, "TIFF")
    parse(make(), Blob.from_data(buffer.getvalue()))
    with Image.open(io.BytesIO(host.asked[0].data)) as sent:
        low, high = sent.getextrema()
    assert low < 10
    assert high > 245


def test_transparency_survives_scaling(make: Any, parse: Any) -> None:
    blob = Blob.from_data(picture((255, 0, 0, 0), (300, 200), mode="RGBA"))
    [document] = parse(make(max_side=30), blob)
    assert document.page_content.startswith("PNG 30x20 RGBA")


def huge() -> bytes:
    return picture(1, (10_000, 10_000), mode="1")


BAD = {
    "notes.txt": (b"Buy milk.", "is text/plain, not a picture"),
    "nothing.jpg": (b"", "is empty"),
    "corrupt.jpg": (picture(form="JPEG", size=(300, 300))[:600], "is a damaged image/jpeg"),
    "garbage.png": (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\n\0\0\0\n" + b"?" * 300,
        "image/png, but cannot be opened",
    ),
    "noise.bin": (bytes(range(128, 256)) * 4, "is unknown data"),
    "drawing.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is image/svg"),
    "huge.png": (huge(), "has 10000x10000 pixels, more than max_pixels=64,000,000"),
    "sound.wav": (b"RIFF\x00\x00\x00\x00WAVEfmt ", "is audio/wav, not a picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_good_picture_is_told_by_its_name(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path, name: str
) -> None:
    data, reason = BAD[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(MediaInputError) as caught:
        parse(make(), Blob.from_path(path))
    assert name in str(caught.value)
    assert reason in str(caught.value)
    assert not host.asked


def test_more_pixels_are_taken_when_they_are_allowed(make: Any, parse: Any) -> None:
    data = picture(size=(9000, 8000), mode="L", colour=0)
    [document] = parse(make(max_pixels=80_000_000), Blob.from_data(data))
    assert document.page_content.startswith("JPEG 1024x910")


def test_a_missing_file_and_a_folder_are_told(make: Any, parse: Any, tmp_path: Path) -> None:
    with pytest.raises(MediaInputError, match=r"gone\.png cannot be read: No such file"):
        parse(make(), Blob.from_path(tmp_path / "gone.png"))
    with pytest.raises(MediaInputError, match="cannot be read"):
        parse(make(), Blob.from_path(tmp_path))


def test_an_error_of_the_host_names_the_file_and_keeps_its_facts(
    make: Any, parse: Any, host: MediaHost
) -> None:
    host.fault = lambda _: (429, {"error": "Free users can make 10 requests per 5 minutes."})
    with pytest.raises(RateLimitError) as caught:
        parse(make(), Blob.from_data(picture(), metadata={"source": "red.png"}))
    assert str(caught.value).startswith("red.png: ")
    assert caught.value.retry_after == 300
    assert KEY not in str(caught.value)


def test_an_empty_answer_is_an_error(make: Any, parse: Any, host: MediaHost) -> None:
    message = {"choices": [{"index": 0, "message": {"role": "assistant", "content": " "}}]}
    host.fault = lambda _: (200, message)
    with pytest.raises(UnexpectedAnswerError, match=r"red\.png"):
        parse(make(), Blob.from_data(picture(), metadata={"source": "red.png"}))


@pytest.mark.parametrize("kind", ["folder", "store"])
def test_what_is_in_the_cache_is_not_asked_again(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path, kind: str
) -> None:
    cache = tmp_path / "cache" if kind == "folder" else InMemoryByteStore()
    blob = Blob.from_data(frames(COLOURS), metadata={"source": "a.gif"})
    first = parse(make(frames="all", cache=cache), blob)
    assert len(host.asked) == 5
    assert parse(make(frames="all", cache=cache), blob) == first
    assert len(host.asked) == 5
    renamed = Blob.from_data(frames(COLOURS), metadata={"source": "b.gif"})
    [other] = parse(make(frames="first", cache=cache), renamed)
    assert other.metadata["source"] == "b.gif"
    assert len(host.asked) == 5


@pytest.mark.parametrize("options", [{"prompt": "?"}, {"model": "llava-13b"}, {"max_side": 40}])
def test_the_cache_tells_prompts_models_and_options_apart(
    make: Any, parse: Any, host: MediaHost, options: Any
) -> None:
    cache = InMemoryByteStore()
    parse(make(cache=cache), Blob.from_data(picture()))
    parse(make(cache=cache, **options), Blob.from_data(picture()))
    parse(make(cache=cache), Blob.from_data(picture("blue")))
    assert len(host.asked) == 3


@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_value_that_was_cut_off_in_a_cache_counts_as_nothing(
    make: Any, parse: Any, host: MediaHost, tmp_path: Path, cut: int
) -> None:
    cache = FolderByteStore(tmp_path)
    first = parse(make(cache=cache), Blob.from_data(picture()))
    [key] = cache.yield_keys()
    (tmp_path / key).write_bytes((tmp_path / key).read_bytes()[:cut])
    assert parse(make(cache=cache), Blob.from_data(picture())) == first
    assert len(host.asked) == 2


def test_any_chat_model_may_look(host: MediaHost, parse: Any) -> None:
    chat = FakeListChatModel(responses=["A fox."])
    parser = VisionCraftCaptionParser(chat_model=chat, api_key=KEY)
    [document] = parse(parser, Blob.from_data(picture()))
    assert document.page_content == "A fox."
    assert document.metadata["model"] == "FakeListChatModel"


def test_a_lone_surrogate_of_a_chat_model_is_replaced(host: MediaHost, parse: Any) -> None:
    chat = FakeListChatModel(responses=["A \ud800 fox."])
    parser = VisionCraftCaptionParser(chat_model=chat, api_key=KEY)
    [document] = parse(parser, Blob.from_data(picture()))
    assert document.page_content == "A ? fox."


async def test_a_chat_model_is_asked_without_blocking() -> None:
    loop = asyncio.get_running_loop()

    class Chat(FakeListChatModel):
        async def _acall(self, *_: Any, **__: Any) -> str:
            assert asyncio.get_running_loop() is loop
            return "asked without blocking"

        def _call(self, *_: Any, **__: Any) -> str:
            return "asked in a thread"

        async def _agenerate(self, *args: Any, **given: Any) -> ChatResult:
            message = AIMessage(await self._acall(*args, **given))
            return ChatResult(generations=[ChatGeneration(message=message)])

    parser = VisionCraftCaptionParser(chat_model=Chat(responses=[]), api_key=KEY)
    [document] = await parser.aparse(Blob.from_data(picture()))
    assert document.page_content == "asked without blocking"


async def test_the_event_loop_is_free_while_the_host_looks(make: Any, host: MediaHost) -> None:
    loop, asked, looked = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def hold(_: Any) -> None:
        loop.call_soon_threadsafe(asked.set)
        assert looked.wait(60)

    host.hold = hold
    parsing = asyncio.create_task(make().aparse(Blob.from_data(picture())))
    try:
        await asked.wait()
        assert not parsing.done()
    finally:
        looked.set()
    assert len(await parsing) == 1


def test_documents_come_one_by_one(make: Any, host: MediaHost) -> None:
    documents = make(frames="all").lazy_parse(Blob.from_data(frames(COLOURS)))
    next(documents)
    assert len(host.asked) == 1
    documents.close()


def test_building_one_needs_no_key_and_asks_nothing(parse: Any) -> None:
    parser = VisionCraftCaptionParser()
    with pytest.raises(MissingKeyError, match="VISIONCRAFT_API_KEY"):
        parse(parser, Blob.from_data(picture()))


def test_a_parser_pickles(host: MediaHost) -> None:
    parser = VisionCraftCaptionParser(api_key=KEY, base_url=HOST, prompt="{?}", cache="kept")
    again = pickle.loads(pickle.dumps(parser))
    assert (again.prompt, again.model, again.frames) == (parser.prompt, parser.model, "auto")
    assert again.client.settings == parser.client.settings


@pytest.mark.parametrize(
    "options",
    [
        {"prompt": " "},
        {"prompt": None},
        {"model": ""},
        {"frames": "some"},
        {"frames": 0},
        {"frames": True},
        {"frames": []},
        {"frames": [0.5]},
        {"max_side": 0},
        {"max_pixels": True},
        {"max_retries": -1},
        {"base_url": "ftp://host"},
        {"client": VisionCraftClient(), "api_key": "k"},
    ],
)
def test_what_cannot_be_used_is_told_when_it_is_built(options: Any) -> None:
    with pytest.raises(InvalidRequestError):
        VisionCraftCaptionParser(**options)


def test_failed_calls_are_made_again_more_often_than_by_a_tool(host: MediaHost) -> None:
    assert VisionCraftCaptionParser().client.settings.max_retries == 6
    assert VisionCraftCaptionParser(max_retries=1).client.settings.max_retries == 1
    client = VisionCraftClient()
    assert VisionCraftCaptionParser(client=client).client is client


def test_pixels_that_take_more_memory_count_more(make: Any, parse: Any, host: MediaHost) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (60, 60)).save(buffer, "WEBP")
    with pytest.raises(MediaInputError, match="60x60 pixels, which count 4 times in image/webp"):
        parse(make(max_pixels=4 * 60 * 60 - 1), Blob.from_data(buffer.getvalue()))
    assert host.asked == []
