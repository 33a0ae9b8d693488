"""What a host offers: inferred from its lists, which cost nothing and need no key."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_visioncraft import errors
from langchain_visioncraft.client.decode import json_from, names_from
from langchain_visioncraft.client.endpoint import endpoint
from langchain_visioncraft.client.fields import Request
from langchain_visioncraft.client.flow import Answer, Call, Flow

_PROBES: dict[str, tuple[str, ...]] = {
    "image": ("/image/samplers", "/image/models/FLUX.1", "/image/models/SD-1.5"),
    "sd": ("/sd/samplers", "/sd/models", "/sd/models-sdxl"),
    "sdxl": ("/models-xl",),
    "sd1": ("/models",),
    "img2img": ("/img2img/schedulers",),
    "upscale": ("/models-upscale",),
    "llm": ("/models-llm",),
}
"""Lists by which a family is recognized, the likeliest first: no generation has all of them."""

_OFFERS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("image",), ("image",)),
    (("sd",), ("text_to_image", "text_to_gif_2024")),
    (("sdxl",), ("text_to_image_sdxl",)),
    (("sd1",), ("text_to_image_sd1",)),
    (
        ("img2img",),
        (
            *("image_to_image", "midjourney", "midjourney_result", "openjourney"),
            *("text_to_gif_2024", "image_to_video", "upscale", "transcribe"),
        ),
    ),
    (("upscale",), ("upscale",)),
    (("llm", "image"), ("chat", "caption")),
    (("llm", "sd"), ("chat", "caption")),
    (("llm", "img2img"), ("legacy_chat",)),
)
"""What a host with all lists on the left offers, by the documents of their time."""

_ABSENT = (errors.EndpointNotFoundError, errors.BadRequestError, errors.ResponseError)
"""The errors of a host without such a list; 405 is a `BadRequestError`."""


@dataclass(frozen=True)
class Capabilities:
    """What a host offers, as far as its lists show.

    Attributes:
        lists: The families that the host has a list of: ``image`` (2024-08), ``sd`` (2024-04),
            ``img2img``, ``sdxl`` (2024-03), ``sd1`` (2023-11), ``upscale``, ``llm``.
        endpoints: The names of the functions in `langchain_visioncraft.client.endpoints` that the
            host supports; of those that draw, the best first. An endpoint without a list is
            included if the documents describe it together with a list that the host has.
    """

    lists: tuple[str, ...]
    endpoints: tuple[str, ...]

    def __contains__(self, name: object) -> bool:
        """Whether the host answers the endpoint of this name."""
        return name in self.endpoints


class CapabilitiesRequest(Request):
    """The parameters of `capabilities`: none."""


@endpoint(CapabilitiesRequest)
def capabilities(_: CapabilitiesRequest) -> Flow[Capabilities]:
    """Infer from a host's lists which generations of the API it supports. Needs no key.

    ```python
    from langchain_visioncraft import VisionCraftClient, VisionCraftToolkit
    from visioncraft_sandbox import Sandbox

    with Sandbox(models=False) as sandbox:
        with VisionCraftClient(base_url=sandbox.url, api_key="any") as client:
            offered = client.capabilities()
            toolkit = VisionCraftToolkit(
                client=client, capabilities=offered, text_to_image="auto"
            )
    assert "image" in offered
    assert toolkit.get_tools()[0].name == "visioncraft_image"
    ```

    Raises:
        TransportError: If the host is not reached.
        APIStatusError: If the host refuses its lists, or fails.
    """
    lists = []
    for family, paths in _PROBES.items():
        if (yield from _answers(paths, names_from, list)):
            lists.append(family)
    found = [name for needed, names in _OFFERS if {*needed} <= {*lists} for name in names]
    if lists and not {"image", "sd", "sdxl", "img2img"} & {*lists}:
        found.append("image_to_image_2023")
    if lists:
        found.append("list_names")
    if (yield from _answers(["/limits"], json_from, dict)):
        found.append("limits")
    return Capabilities(tuple(lists), tuple(dict.fromkeys(found)))


def _answers(paths: Sequence[str], read: Callable[[Answer], Any], kind: type) -> Flow[bool]:
    for path in paths:
        with contextlib.suppress(*_ABSENT):
            if isinstance(read((yield Call("GET", path, auth="none"))), kind):
                return True
    return False
