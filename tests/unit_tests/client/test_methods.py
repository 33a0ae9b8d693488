"""Every endpoint is a method of both clients, with its own signature."""

from __future__ import annotations

import asyncio
import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from langchain_visioncraft import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.sniff import sniff

ENDPOINTS = {name: found for name, found in vars(endpoints).items() if isinstance(found, Endpoint)}


class Host:
    """Answers every call with a picture and remembers the bodies."""

    def __init__(self, pictures: Path) -> None:
        self.png = (pictures / "cat.png").read_bytes()
        self.bodies: list[dict[str, Any]] = []
        transport = httpx.MockTransport(self.answer)
        self.client = VisionCraftClient(
            api_key="key",
            base_url="http://visioncraft.test",
            http_client=httpx.Client(transport=transport),
        )
        self.async_client = AsyncVisionCraftClient(
            api_key="key",
            base_url="http://visioncraft.test",
            http_async_client=httpx.AsyncClient(transport=transport),
        )

    def answer(self, request: Any) -> Any:
        self.bodies.append(json.loads(request.content or b"{}"))
        if request.url.path == "/whisper":
            return httpx.Response(200, json={"text": "Good morning."})
        return httpx.Response(200, content=self.png)


@pytest.fixture
def host(pictures: Path) -> Host:
    return Host(pictures)


@pytest.mark.parametrize("kind", [VisionCraftClient, AsyncVisionCraftClient])
def test_every_endpoint_is_a_method_and_has_the_signature_of_its_request(kind: type) -> None:
    client = kind(api_key="key", base_url="http://visioncraft.test")
    for name, endpoint in ENDPOINTS.items():
        method = getattr(client, name)
        assert inspect.signature(method) == inspect.signature(endpoint)
        assert set(inspect.signature(method).parameters) == set(endpoint.request.model_fields)
        assert (method.__name__, method.__doc__) == (name, endpoint.__doc__)


def test_a_method_does_what_running_the_flow_does(host: Host) -> None:
    [image] = host.client.text_to_image("A lighthouse", width=512)
    [same] = host.client.run(endpoints.text_to_image(prompt="A lighthouse", width=512))
    assert image.sha256 == same.sha256
    first, second = host.bodies
    assert first == second
    assert (first["prompt"], first["model"], first["width"]) == ("A lighthouse", "sdxl-base", 512)


def test_the_methods_of_the_async_client_are_awaited(host: Host) -> None:
    async def both() -> tuple[Any, Any]:
        [image] = await host.async_client.upscale(host.png, resize=2)
        return image, await host.async_client.transcribe(b"OggS" + bytes(60))

    image, transcript = asyncio.run(both())
    assert image.mime_type == "image/png"
    assert transcript.text == "Good morning."
    assert host.bodies[0]["resize"] == 2


def test_a_path_may_be_text_in_code(host: Host, pictures: Path) -> None:
    host.client.upscale(str(pictures / "cat.png"))
    host.client.upscale(pictures / "cat.png")
    assert host.bodies[0] == host.bodies[1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "F", "HSV", "I;16"])
def test_a_pil_image_is_sent_as_png(host: Host, mode: str) -> None:
    host.client.upscale(Image.new(mode, (4, 3)))
    import pybase64

    sent = pybase64.b64decode(host.bodies[0]["image"])
    assert sniff(sent) == "image/png"


def test_a_pil_image_is_sent_the_right_way_up(host: Host) -> None:
    import io

    import pybase64

    picture = Image.new("RGB", (4, 3))
    picture.getexif()[0x0112] = 6  # the camera was held upright
    host.client.upscale(picture)
    sent = Image.open(io.BytesIO(pybase64.b64decode(host.bodies[0]["image"])))
    assert sent.size == (3, 4)


def test_a_file_that_is_missing_is_named(host: Host) -> None:
    with pytest.raises(MediaInputError, match=r"image: There is no file 'lighthous\.png'"):
        host.client.upscale("lighthous.png")
    assert host.bodies == []


def test_a_request_from_outside_names_no_path(pictures: Path) -> None:
    """What the sandbox reads is not what the developer wrote."""
    with pytest.raises(ValueError, match="is not a picture or recording"):
        endpoints.upscale.request.model_validate({"image": str(pictures / "cat.png")})


def test_too_many_by_position_are_refused(host: Host) -> None:
    with pytest.raises(InvalidRequestError, match=r"takes 1 by position \(prompt\), not 2"):
        host.client.text_to_image("A cat", "sdxl-base")  # type: ignore[call-arg]


def test_one_by_position_and_by_name_is_refused(host: Host) -> None:
    with pytest.raises(InvalidRequestError, match="prompt: given both by position and by name"):
        host.client.text_to_image("A cat", prompt="A dog")  # type: ignore[misc]
