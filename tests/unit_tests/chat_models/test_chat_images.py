"""Images go to the models that take them, in one form; nothing else goes."""

from __future__ import annotations

import base64
import io
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from chat_service import Service, ask
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from media_host import picture

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.chat_models import images
from langchain_visioncraft.chat_models.images import image_url_block, prepare_messages
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.scaling import Scaled, scaled

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
TEXT = base64.b64encode(PNG).decode()
DATA_URL = f"data:image/png;base64,{TEXT}"
LINK = "https://example.com/cat.png"
TO_DATA_URL: list[dict[str, Any]] = [
    {"type": "image_url", "image_url": {"url": DATA_URL}},
    {"type": "image_url", "image_url": DATA_URL},
    {"type": "image", "base64": TEXT, "mime_type": "image/png"},
    {"type": "image", "base64": TEXT, "mime_type": "image/jpeg"},
    {"type": "image", "source_type": "base64", "data": TEXT, "mime_type": "image/png"},
    {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": TEXT},
    },
    {"type": "image", "url": DATA_URL},
    {"type": "input_image", "image_url": DATA_URL},
    {"type": "media", "mime_type": "image/png", "data": TEXT},
    {"type": "file", "mime_type": "image/png", "base64": TEXT},
    {"type": "document", "source": {"media_type": "image/png", "data": TEXT}},
    {"inline_data": {"mime_type": "image/png", "data": TEXT}},
    {"inlineData": {"mimeType": "image/png", "data": TEXT}},
    {"image": {"format": "png", "source": {"bytes": PNG}}},
    {"image_url": DATA_URL},
    {"type": "image", "url": f"data:image/jpeg;name=my cat.jpg;base64,{TEXT}"},
    {"type": "image_url", "image_url": {"url": f"DATA:;base64,{TEXT.rstrip('=')}"}},
    {"type": "image_url", "image_url": f"data:image/png,{quote_from_bytes(PNG)}"},
    {"type": "image", "base64": base64.encodebytes(PNG).decode(), "mime_type": "image/png"},
    {"type": "image", "base64": base64.urlsafe_b64encode(PNG).decode(), "mime_type": "image/*"},
    Media.from_bytes(PNG).block(),
]
TO_LINK: list[dict[str, Any]] = [
    {"type": "image_url", "image_url": {"url": LINK}},
    {"type": "image_url", "image_url": LINK},
    {"type": "image", "url": LINK},
    {"type": "image", "source_type": "url", "url": LINK},
    {"type": "image", "source": {"type": "url", "url": LINK}},
    {"type": "input_image", "image_url": LINK, "detail": "low"},
    {"type": "media", "mime_type": "image/png", "file_uri": LINK},
]


def question(block: dict[str, Any]) -> list[Any]:
    return [HumanMessage([{"type": "text", "text": "What is this?"}, block])]


@pytest.mark.parametrize(
    ("block", "url"),
    [(block, DATA_URL) for block in TO_DATA_URL] + [(block, LINK) for block in TO_LINK],
)
async def test_every_form_of_an_image_goes_out_as_the_documented_one(
    service: Service, way: str, block: dict[str, Any], url: str
) -> None:
    messages = question(block)
    before = messages[0].model_copy(deep=True)
    await ask(service.model(model="llava-1.5-7b-hf"), way, messages)
    assert service.body["messages"][0]["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    assert messages[0] == before


async def test_detail_is_kept(service: Service) -> None:
    block = {"type": "image_url", "image_url": {"url": LINK, "detail": "low"}}
    await ask(service.model(model="llava-1.5-7b-hf"), "invoke", question(block))
    assert service.body["messages"][0]["content"][1] == block


@pytest.mark.parametrize("block", [TO_DATA_URL[0], TO_DATA_URL[2], TO_LINK[4]])
async def test_an_image_for_a_text_model_is_refused_before_anything_is_sent(
    service: Service, way: str, block: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError, match="takes no images") as caught:
        await ask(service.model(), way, question(block))
    assert "llava-1.5-7b-hf" in str(caught.value)
    assert not service.requests


@pytest.mark.parametrize(
    ("name", "vision", "seeing"),
    [
        ("llava-1.5-7b-hf", None, True),
        ("LLaVA-NeXT", None, True),
        ("Llama-3.1-8B-Instruct", None, False),
        ("Qwen2.5-VL-7B-Instruct", None, True),
        ("qwen2.5vl:7b", None, True),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", None, True),
        ("llama3.2-vision", None, True),
        ("pixtral-12b", None, True),
        ("SmolVLM2-2.2B-Instruct", None, True),
        ("openbmb/MiniCPM-V-2_6", None, True),
        ("InternVL3-8B", None, True),
        ("gemma-3-4b-it", None, True),
        ("gemma3:27b", None, True),
        ("gemma-3-1b-it", None, False),
        ("gemma-2-9b-it", None, False),
        ("glm-4.5v", None, True),
        ("GLM-4.5-Air", None, False),
        ("Qwen2.5-7B-Instruct", None, False),
        ("vllm-served", None, False),
        ("bolt", True, True),
        ("llava-1.5-7b-hf", False, False),
    ],
)
async def test_who_takes_images(
    service: Service, name: str, vision: bool | None, seeing: bool
) -> None:
    model = service.model(model=name, vision=vision)
    if seeing:
        await ask(model, "invoke", question(TO_LINK[0]))
        assert service.requests
    else:
        with pytest.raises(InvalidRequestError):
            await ask(model, "invoke", question(TO_LINK[0]))


@pytest.mark.parametrize("data", [TEXT, DATA_URL, TEXT.encode(), PNG])
def test_the_type_of_an_image_is_found_in_its_bytes(data: Any) -> None:
    # LangChain's tracing refuses such blocks in messages; the conversion does not.
    assert image_url_block({"type": "image", "base64": data})["image_url"]["url"] == DATA_URL


@pytest.mark.parametrize("data", [bytes(20), b"%PDF-1.7 ..."])
def test_bytes_that_are_no_image_are_refused(data: bytes) -> None:
    with pytest.raises(MediaInputError, match="cannot be sent as an image"):
        image_url_block({"type": "image", "base64": base64.b64encode(data).decode()})


@pytest.mark.parametrize("url", [DATA_URL, LINK])
def test_blanks_around_a_url_do_no_harm(url: str) -> None:
    block = {"type": "image_url", "image_url": {"url": f" {url}\n"}}
    assert image_url_block(block)["image_url"]["url"] == url


def test_the_model_of_the_call_counts(service: Service) -> None:
    service.model().invoke(question(TO_LINK[0]), model="llava-1.5-7b-hf")
    assert service.body["model"] == "llava-1.5-7b-hf"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "base64": TEXT, "mime_type": "audio/wav"},
        {"type": "input_audio", "input_audio": {"data": TEXT, "format": "wav"}},
        {"type": "video", "url": "https://example.com/a.mp4"},
        {"type": "file", "base64": TEXT, "mime_type": "application/pdf"},
        {"type": "document", "source": {}},
        {"type": "text-plain", "base64": TEXT, "mime_type": "text/plain"},
    ],
    ids=lambda block: block["type"],
)
async def test_other_media_are_refused_before_anything_is_sent(
    service: Service, way: str, block: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError, match=r"no \w+ blocks"):
        await ask(service.model(model="llava-1.5-7b-hf"), way, question(block))
    assert not service.requests


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "/home/me/cat.png"}},
        {"type": "image_url", "image_url": {}},
        {"type": "image", "url": "file:///cat.png"},
        {"type": "image", "file_id": "file-1"},
        {"type": "image", "url": "http://[bad/a.png"},
        {"type": "image", "base64": "*not base64*", "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!!"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}},
        {"type": "image", "base64": "AAAAAAAAAAAA", "mime_type": "image/png"},
        {"type": "image", "url": "data:image/svg+xml,<svg xmlns='x'/>"},
        {
            "type": "image",
            "base64": base64.b64encode(b"%PDF-1.7 ...").decode(),
            "mime_type": "application/pdf",
        },
    ],
    ids=str,
)
async def test_images_that_cannot_be_sent_are_refused(
    service: Service, block: dict[str, Any]
) -> None:
    with pytest.raises(MediaInputError):
        await ask(service.model(model="llava-1.5-7b-hf"), "invoke", question(block))
    assert not service.requests


@pytest.mark.parametrize("kind", [None, "text", "image", "file", 5, [], {}])
@pytest.mark.parametrize("key", ["text", "image_url", "source", "mime_type", "file_id"])
@pytest.mark.parametrize("value", [None, 5, b"x", [1], {"url": 5}, {"data": []}], ids=str)
def test_malformed_blocks_are_refused(kind: Any, key: str, value: Any) -> None:
    message = ToolMessage("", tool_call_id="1")
    message.content = [{"type": kind, key: value}]
    with pytest.raises((InvalidRequestError, MediaInputError), match=r"blocks|image"):
        prepare_messages([message], "llava-1.5-7b-hf", None, None, max_side=None)


async def test_plain_text_blocks_are_text(service: Service) -> None:
    block = {"type": "text-plain", "text": "A report.", "mime_type": "text/plain"}
    await ask(service.model(), "invoke", question(block))
    assert service.body["messages"][0]["content"][1] == {"type": "text", "text": "A report."}


async def test_an_image_of_a_tool_reaches_the_model(service: Service) -> None:
    call = {"name": "draw", "args": {}, "id": "c1"}
    messages = [
        HumanMessage("Draw."),
        AIMessage("", tool_calls=[call]),
        ToolMessage([Media.from_bytes(PNG).block()], tool_call_id="c1"),
    ]
    await ask(service.model(model="llava-1.5-7b-hf"), "invoke", messages)
    assert service.body["messages"][0]["content"][-1]["image_url"]["url"] == DATA_URL


@pytest.fixture
def kept(store: MediaStore) -> Media:
    return store.add(PNG)


def forms_in_code(kept: Media) -> list[dict[str, Any]]:
    return [
        {"type": "image", "image": kept.path},
        {"type": "image", "image": kept},
        {"type": "image", "media": kept},
        {"type": "image", "path": kept.path},
        {"type": "image_url", "image_url": kept.path},
        {"type": "image_url", "image_url": {"url": kept}},
        {"type": "image", "image": PNG},
    ]


def forms_of_handles(kept: Media) -> list[dict[str, Any]]:
    return [
        {"type": "image", "image": kept.handle},
        {"type": "image", "file_id": kept.handle},
        {"type": "image", "url": kept.handle},
        {"type": "image_url", "image_url": {"url": kept.handle}},
        {"type": "image", "source": {"type": "file", "file_id": kept.handle}},
        {"type": "file", "file_id": kept.handle},
        {"type": "image", "image": Media.to_artifact([kept])},
    ]


async def test_what_code_has_at_hand_goes_out_too(
    service: Service, way: str, kept: Media, store: MediaStore
) -> None:
    for block in forms_in_code(kept):
        await ask(service.model(model="llava-1.5-7b-hf"), way, question(block))
        assert service.body["messages"][0]["content"][1]["image_url"]["url"] == DATA_URL
    seeing = service.model(model="llava-1.5-7b-hf", store=store)
    for block in [*forms_in_code(kept), *forms_of_handles(kept)]:
        await ask(seeing, way, question(block))
        assert service.body["messages"][0]["content"][1]["image_url"]["url"] == DATA_URL
        assert "store" not in service.body


async def test_several_images_go_out_in_order(service: Service, kept: Media) -> None:
    blocks = [{"type": "image", "image": kept}, {"type": "image", "url": LINK}]
    await ask(service.model(model="llava-1.5-7b-hf"), "invoke", [HumanMessage(blocks)])
    urls = [part["image_url"]["url"] for part in service.body["messages"][0]["content"]]
    assert urls == [DATA_URL, LINK]


def test_handles_need_a_store_and_forged_places_do_not_count(
    service: Service, kept: Media, store: MediaStore, tmp_path: Path
) -> None:
    for block in forms_of_handles(kept)[:4]:
        with pytest.raises(MediaInputError, match="store"):
            service.model(model="llava-1.5-7b-hf").invoke(question(block))
    other = tmp_path / "secret.png"
    other.write_bytes(PNG + b"secret")
    forged = {**Media.to_artifact([kept]), "location": str(other)}
    model = service.model(model="llava-1.5-7b-hf", store=store)
    model.invoke(question({"type": "image", "image": forged}))
    assert service.body["messages"][0]["content"][1]["image_url"]["url"] == DATA_URL
    for value in (tmp_path / "none.png", "b" * 12 + ".png", b"%PDF-1.7 ...", "/etc/passwd"):
        with pytest.raises(MediaInputError):
            model.invoke(question({"type": "image", "image": value}))


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "png"), ("JPEG", "jpeg"), ("BMP", "png")])
def test_large_pictures_are_made_smaller_on_request(kind: str, mime: str) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (400, 100), "red").save(file, kind)
    media = Media.from_bytes(file.getvalue())
    small = image_url_block(media.block(), max_side=200)["image_url"]["url"]
    assert small.startswith(f"data:image/{mime};base64,")
    data = base64.b64decode(small.partition(",")[2])
    assert Media.from_bytes(data).width == 200
    assert Media.from_bytes(data).height == 50
    same = image_url_block(media.block(), max_side=400)["image_url"]["url"]
    assert same == media.data_url()
    link = {"type": "image", "url": LINK}
    assert image_url_block(link, max_side=10)["image_url"]["url"] == LINK


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (40, 10)).save(file, "PNG")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"langchain-visioncraft\[images\]"):
        image_url_block(Media.from_bytes(file.getvalue()).block(), max_side=20)


def test_a_picture_that_cannot_be_decoded_is_an_error() -> None:
    broken = base64.b64encode(PNG[:20] + b"\x00\x00\x10\x00\x00\x00\x10\x00" + PNG[28:40])
    with pytest.raises(MediaInputError, match="This picture is image/png, but cannot be opened"):
        image_url_block({"type": "image", "base64": broken.decode()}, max_side=20)


@pytest.mark.parametrize("block", TO_DATA_URL)
def test_an_image_of_any_form_counts_and_is_refused_by_models_without(
    service: Service, block: dict[str, Any]
) -> None:
    assert service.model().get_num_tokens_from_messages([HumanMessage([block])]) == 576 + 4
    with pytest.raises(InvalidRequestError, match="takes no images"):
        service.model().invoke([HumanMessage([block])])
    assert not service.requests


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ([{"type": "input_text", "text": "Hi"}], [{"type": "text", "text": "Hi"}]),
        ([{"type": "output_text", "text": "Hi"}], [{"type": "text", "text": "Hi"}]),
        ([{"text": "Hi"}], [{"type": "text", "text": "Hi"}]),
        (["Hi", "there"], [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]),
    ],
)
async def test_texts_of_any_form_are_text_blocks(
    service: Service, way: str, content: Any, sent: Any
) -> None:
    await ask(service.model(), way, [HumanMessage(content)])
    assert service.body["messages"][0]["content"] == sent


async def test_only_people_send_lists_of_texts(service: Service, way: str) -> None:
    texts: Any = [{"type": "text", "text": "a"}, "b"]
    thought: Any = {"type": "reasoning", "reasoning": "Hm."}
    call = {"name": "draw", "args": {}, "id": "1"}
    messages = [
        SystemMessage(texts),
        HumanMessage("Draw."),
        AIMessage([thought, *texts], tool_calls=[call]),
        ToolMessage(texts, tool_call_id="1"),
    ]
    await ask(service.model(), way, messages)
    said = [message["content"] for message in service.body["messages"]]
    assert said == ["a\nb", "Draw.", "ab", "a\nb"]


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_large_pictures_are_decoded_outside_the_event_loop(
    service: Service, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    threads: list[threading.Thread] = []

    def seen(data: bytes, *arguments: Any, **options: Any) -> Scaled:
        threads.append(threading.current_thread())
        return scaled(data, *arguments, **options)

    monkeypatch.setattr(images, "scaled", seen)
    block = Media.from_bytes(picture(size=(64, 48))).block()
    model = service.model(model="llava-1.5-7b-hf", max_image_side=32)
    await ask(model, way, [HumanMessage([block])])
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
