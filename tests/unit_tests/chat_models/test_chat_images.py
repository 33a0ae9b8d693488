"""Images go to the models that take them, in one form; nothing else goes."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from chat_service import Service, ask
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_visioncraft import Media
from langchain_visioncraft.chat_models.images import image_url_block
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError

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
    Media.from_bytes(PNG).block(),
]
TO_LINK: list[dict[str, Any]] = [
    {"type": "image_url", "image_url": {"url": LINK}},
    {"type": "image_url", "image_url": LINK},
    {"type": "image", "url": LINK},
    {"type": "image", "source_type": "url", "url": LINK},
    {"type": "image", "source": {"type": "url", "url": LINK}},
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
        ("qwen2-vl", True, True),
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


@pytest.mark.parametrize("data", [TEXT, DATA_URL, TEXT.encode()])
def test_the_type_of_an_image_is_found_in_its_bytes(data: Any) -> None:
    # LangChain's tracing refuses such blocks in messages; the conversion does not.
    assert image_url_block({"type": "image", "base64": data})["image_url"]["url"] == DATA_URL


@pytest.mark.parametrize("data", [bytes(20), b"%PDF-1.7 ..."])
def test_bytes_that_are_no_image_are_refused(data: bytes) -> None:
    with pytest.raises(MediaInputError, match="is no image"):
        image_url_block({"type": "image", "base64": base64.b64encode(data).decode()})


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
        {"type": "image", "base64": "*not base64*", "mime_type": "image/png"},
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
