"""Every file of the corpus, through every door: one table says what each of them must see."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from media_corpus import CORPUS, Item, sees
from media_host import HOST, KEY, httpx
from PIL import Image
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.engines.speech import as_wav
from visioncraft_sandbox.uploads import decode_picture

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftCaption,
    VisionCraftClient,
    VisionCraftMediaLoader,
    VisionCraftTranscribe,
)
from langchain_visioncraft.chat_models.images import image_url_block
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.mcp.resources import described
from langchain_visioncraft.mcp.results import picture_content
from langchain_visioncraft.media.inspection import type_of
from langchain_visioncraft.media.scaling import scaled

PICTURES = [item for item in CORPUS.values() if item.kind == "image"]
RECORDINGS = [item for item in CORPUS.values() if item.kind in ("audio", "video")]
OTHERS = [item for item in CORPUS.values() if item.mime is None]
MOST_PIXELS = 10_000_000


def named(items: list[Item]) -> Any:
    return pytest.mark.parametrize("item", items, ids=lambda item: item.name)


class Host:
    """Answers every call the same, and keeps the file that came along."""

    def __init__(self) -> None:
        self.files: list[bytes] = []
        self.types: list[str] = []
        transport = httpx.MockTransport(self)
        http_client = httpx.Client(transport=transport)
        self.client = VisionCraftClient(api_key=KEY, base_url=HOST, http_client=http_client)

    def __call__(self, request: Any) -> Any:
        import json

        fields = json.loads(request.read())
        if request.url.path == "/whisper":
            self.files.append(base64.b64decode(fields["audio"]))
            said = {"text": "hello", "segments": [{"start": 0, "end": 1, "text": "hello"}]}
            return httpx.Response(200, json=said)
        [url] = [
            block["image_url"]["url"]
            for block in fields["messages"][-1]["content"]
            if block["type"] == "image_url"
        ]
        self.types.append(url[5 : url.index(";")])
        self.files.append(base64.b64decode(url.partition(",")[2]))
        message = {"role": "assistant", "content": "A picture."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice]})


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    with host.client:
        yield host


def load(item: Item, host: Host, **options: Any) -> list[Document]:
    blob = Blob.from_data(item.data, metadata={"source": item.name})
    return VisionCraftMediaLoader(blob, client=host.client, **options).load()


def shows(data: bytes, item: Item) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        return item.look is None or sees(image, item.look)


@named([*PICTURES, *RECORDINGS])
def test_everybody_names_the_same_type_and_size(item: Item, tmp_path: Path) -> None:
    path = tmp_path / "file"  # its name says nothing
    path.write_bytes(item.data)
    with path.open("rb") as file:
        assert type_of(file) == type_of(item.data) == item.mime
    media = Media.from_path(path)
    assert media.mime_type == Media.from_bytes(item.data).mime_type == item.mime
    assert described(media)["mime_type"] == item.mime
    assert item.size in (None, (media.width, media.height))
    assert media.duration == (item.duration and pytest.approx(item.duration, abs=0.1))


@named([item for item in PICTURES if item.decoded])
def test_a_picture_is_seen_alike_by_all(item: Item, host: Host, tmp_path: Path) -> None:
    pages = item.pages or (item.size,)
    documents = load(item, host)
    sizes = [(each.metadata["width"], each.metadata["height"]) for each in documents]
    assert item.size is None or sizes == list(pages)
    assert {"damage" in each.metadata for each in documents} == {item.damaged}
    assert all(shows(data, item) for data in host.files[:1])
    # Of an animation the others see the first frame.
    first = "animated" not in item.name

    tool = VisionCraftCaption(client=host.client, store=MediaStore(tmp_path / "store"))
    path = tmp_path / "picture"
    path.write_bytes(item.data)
    assert tool.invoke({"image": path}) == "A picture."
    assert (host.types[-1], host.files[-1]) == (item.mime, item.data)

    url = image_url_block({"type": "image", "image": path}, max_side=16)["image_url"]["url"]
    assert not first or shows(base64.b64decode(url.partition(",")[2]), item)

    content = picture_content(Media.from_bytes(item.data), 2500)
    assert content is not None
    assert not first or shows(base64.b64decode(content.data), item)

    seen = decode_picture(item.data, "image", MOST_PIXELS)
    assert seen.size == item.size or item.size is None
    assert not first or item.look is None or sees(seen, item.look)


@named([item for item in PICTURES if item.damaged])
def test_a_damaged_picture_is_refused_if_one_is_strict(item: Item, host: Host) -> None:
    with pytest.raises(MediaInputError, match="strict=False"):
        load(item, host, strict=True)
    assert host.files == []


@named([item for item in PICTURES if not item.decoded])
def test_a_picture_that_cannot_be_decoded_is_an_error(item: Item, host: Host) -> None:
    with pytest.raises(MediaInputError, match=item.name):
        load(item, host)
    with pytest.raises(MediaInputError):
        scaled(item.data)
    with pytest.raises(Refusal, match="not a picture"):
        decode_picture(item.data, "image", MOST_PIXELS)


@named([item for item in RECORDINGS if item.decoded and not item.silent])
def test_a_recording_is_heard_alike_by_all(item: Item, host: Host, tmp_path: Path) -> None:
    [document] = load(item, host, transcript_options={"by": "whole"})
    assert document.page_content == "hello"
    assert document.metadata["duration"] == pytest.approx(item.seconds, abs=0.1)
    assert ("damage" in document.metadata) == item.damaged
    [sent] = host.files
    assert loudness(sent) > 0.01

    tool = VisionCraftTranscribe(client=host.client, store=MediaStore(tmp_path / "store"))
    path = tmp_path / "recording"
    path.write_bytes(item.data)
    assert tool.invoke({"audio": path}) == "hello"
    assert host.client.transcribe(item.data).text == "hello"
    assert host.files[1:] == [item.data] * 2

    sound, seconds = as_wav(item.data)
    assert seconds == pytest.approx(item.seconds, abs=0.15)
    assert item.name in QUIET or loudness(sound) > 0.01


QUIET = ("quiet", "very quiet")
"""The sandbox's Whisper looks at no absolute level."""


def loudness(data: bytes) -> float:
    """The loudest sample as a host hears it that mixes the channels of the first track."""
    import av
    import numpy as np

    from langchain_visioncraft.media.decoding import open_recording

    resampler = av.AudioResampler(format="fltp", layout="mono")
    loudest = 0.0
    with open_recording(io.BytesIO(data)) as container:
        for packet in container.demux(audio=0):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                for each in resampler.resample(frame):
                    loudest = max(loudest, float(np.abs(each.to_ndarray()).max()))
    return loudest


@named([item for item in RECORDINGS if item.damaged])
def test_a_damaged_recording_is_refused_if_one_is_strict(item: Item, host: Host) -> None:
    with pytest.raises(MediaInputError, match="strict=False"):
        load(item, host, strict=True)
    assert host.files == []


@named([item for item in RECORDINGS if item.silent])
def test_silence_is_not_paid_for(item: Item, host: Host) -> None:
    with pytest.raises(MediaInputError, match="holds no speech"):
        load(item, host)
    assert host.files == []


@named(OTHERS)
def test_what_is_no_medium_is_taken_by_nobody(item: Item, host: Host, tmp_path: Path) -> None:
    path = tmp_path / "image.png"  # whatever it is called
    path.write_bytes(item.data)
    with pytest.raises(InvalidRequestError):
        Media.from_path(path)
    with pytest.raises(MediaInputError):
        load(item, host)
    with pytest.raises(MediaInputError):
        image_url_block({"type": "image", "image": path})
    with pytest.raises(Refusal):
        decode_picture(item.data, "image", MOST_PIXELS)
    tool = VisionCraftCaption(
        client=host.client, store=MediaStore(tmp_path / "store"), handle_tool_error=False
    )
    with pytest.raises(Exception, match="is"):
        tool.invoke({"image": path})
    assert host.files == []


def test_the_corpus_is_large_and_its_files_are_small() -> None:
    assert len(CORPUS) >= 150
    assert max(len(item.data) for item in CORPUS.values()) <= 1 << 20
