"""The forms, one for each capability, from the schemas that check the requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from starlette.datastructures import FormData, UploadFile

from langchain_visioncraft.client import fields, text_schemas
from visioncraft_sandbox import routes_drawing, routes_media, routes_midjourney


@dataclass(frozen=True)
class Control:
    """The field of a form for one parameter."""

    name: str
    kind: str  # text, textarea, number, select, checkbox or file
    value: str = ""
    required: bool = False
    help: str = ""
    bounds: Mapping[str, Any] = field(default_factory=dict)  # min, max and step of a number
    options: tuple[str, ...] = ()
    names: str = ""  # the path of the list whose names it takes
    accept: str = ""

    @property
    def label(self) -> str:
        """The name as text."""
        words = self.name.replace("_", " ")
        return words[:1].upper() + words[1:]


@dataclass(frozen=True)
class Capability:
    """An endpoint that can be tried in a form."""

    name: str
    title: str
    path: str
    values: Mapping[str, Any] = field(default_factory=dict)  # instead of the schema's defaults
    shown: tuple[str, ...] = ("prompt",)  # the others are under "More parameters"

    @property
    def schema(self) -> type[fields.Request]:
        """The parameters of the endpoint."""
        return _ENDPOINTS[self.path][0]

    @property
    def names(self) -> Mapping[str, str]:
        """The parameters that hold names, and the path of the list of each."""
        return _ENDPOINTS[self.path][1]

    @property
    def is_chat(self) -> bool:
        """Whether it is a chat, whose one message is in ``prompt``."""
        return self.schema is text_schemas.ChatRequest

    @cached_property
    def controls(self) -> list[Control]:
        """The fields of the form, the shown ones first."""
        schema = self.schema.model_json_schema()
        required = {*schema.get("required", ()), *self.schema.required_by_api}
        made = {
            name: self._control(name, spec, name in required)
            for name, spec in schema["properties"].items()
            if name not in ("loras", "messages", "deadline", "stream")
        }
        if self.is_chat:
            made = {"prompt": _message(self.values), "image": _LOOK_AT, **made, "stream": _STREAM}
        return [made[name] for name in self.shown] + [
            control for name, control in made.items() if name not in self.shown
        ]

    def _control(self, name: str, spec: Mapping[str, Any], required: bool) -> Control:
        spec = _without_null(spec)
        value = self.values.get(name, spec.get("default"))
        facts: dict[str, Any] = {
            "name": name,
            "value": "" if value is None else str(value),
            "required": required,
            "help": str(spec.get("description", "")).partition(" [")[0],
        }
        if name in self.schema.media_kinds:
            sound = self.schema.media_kinds[name] == "audio"
            facts["help"] = facts["help"].replace("a handle or a URL", "a file or a URL")
            return Control(kind="file", accept="audio/*,video/*" if sound else "image/*", **facts)
        if "enum" in spec:
            options = tuple(str(option) for option in spec["enum"])
            return Control(kind="select", options=options, **facts)
        if spec.get("type") == "boolean":
            return Control(kind="checkbox", **facts)
        if spec.get("type") in ("integer", "number"):
            return Control(kind="number", bounds=_bounds(spec), **facts)
        kind = "textarea" if name == "prompt" else "text"
        return Control(kind=kind, names=self.names.get(name, ""), **facts)

    async def body(self, form: FormData) -> dict[str, Any]:
        """The JSON body of the form; empty fields are left out."""
        body: dict[str, Any] = {}
        for control in self.controls:
            value = await _value(control, form)
            if value is not None:
                body[control.name] = value
        return _conversation(body) if self.is_chat else body


def _message(values: Mapping[str, Any]) -> Control:
    return Control("prompt", "textarea", str(values["prompt"]), True, "What to say to the model.")


_LOOK_AT = Control(
    "image", "file", help="A picture to talk about, for LLaVA: a file or a URL.", accept="image/*"
)
_STREAM = Control("stream", "checkbox", "true", help="Show the answer while it is written.")


def _without_null(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of an optional parameter, without the null."""
    inner = [part for part in spec.get("anyOf", ()) if part.get("type") != "null"]
    return {**(inner[0] if inner else {}), **{k: v for k, v in spec.items() if k != "anyOf"}}


def _bounds(spec: Mapping[str, Any]) -> dict[str, Any]:
    names = {"min": "minimum", "max": "maximum"}
    bounds = {name: spec[key] for name, key in names.items() if key in spec}
    return {**bounds, "step": 1 if spec["type"] == "integer" else "any"}


async def _value(control: Control, form: FormData) -> Any:
    if control.kind == "file":
        return await _medium(control.name, form)
    given = form.get(control.name)
    if not isinstance(given, str) or not given.strip():
        return None
    if control.kind in ("number", "select", "checkbox"):
        try:
            return json.loads(given)
        except ValueError:  # a word, or a mistake that the endpoint reports
            return given
    return given.replace("\r\n", "\n")


async def _medium(name: str, form: FormData) -> str | None:
    """A file as base64, or a URL."""
    for given in form.getlist(name):
        if isinstance(given, UploadFile):
            data = await given.read()
            if data:
                return base64.b64encode(data).decode()
        elif given.strip():
            return given.strip()
    return None


def _conversation(body: dict[str, Any]) -> dict[str, Any]:
    text, image = body.pop("prompt", ""), body.pop("image", None)
    content: Any = text
    if image is not None:
        url = image if image.startswith("http") else f"data:application/octet-stream;base64,{image}"
        content = [
            {"type": "text", "text": text},
            {"type": "image_url", "image_url": {"url": url}},
        ]
    return {"messages": [{"role": "user", "content": content}], **body}


_OPERATIONS = (
    *routes_drawing.OPERATIONS,
    routes_media.IMG2IMG,
    *routes_media.OPERATIONS,
    *routes_midjourney.OPERATIONS,
)
_CHAT = "/v1/chat/completions"
_ENDPOINTS: dict[str, tuple[type[fields.Request], Mapping[str, str]]] = {
    **{operation.path: (operation.schema, operation.names) for operation in _OPERATIONS},
    _CHAT: (text_schemas.ChatRequest, {"model": "/models-llm"}),
}
_LIGHTHOUSE = {
    "prompt": "A lighthouse in a storm at night", "model": "sdxl-base", "width": 768, "height": 512
}  # fmt: skip
_THREE_THINGS = {
    "prompt": "Name three things that float.", "model": "Llama-3.1-8B-Instruct", "max_tokens": 128
}  # fmt: skip
_WHAT_IS_IT = {"prompt": "What's in this image?", "model": "llava-1.5-7b-hf"}
_CAT = {"prompt": "A cat in a boat", "model": "anything_V5", "sampler": "Euler", "image_count": 2}
_CASTLE = {
    "prompt": "A castle on a hill at sunset", "model": "sdxl-turbo", "sampler": "euler",
    "scheduler": "normal",
}  # fmt: skip
_FOX = {"prompt": "A fox in a snowy forest", "model": "FLUX.1-dev-fp8", "width": 768}
_ALL = (
    Capability("draw", "Draw a picture", "/sd", _LIGHTHOUSE, ("prompt", "width", "height")),
    Capability("image", "Draw with any model", "/image/generate", _FOX, ("prompt", "seed")),
    Capability(
        "gif", "Make a GIF", "/text2gif", {"prompt": "A sailboat on the waves under the stars"}
    ),
    Capability(
        "edit",
        "Edit a picture",
        "/img2img",
        {"prompt": "A rainbow over the hills"},
        ("image", "prompt", "mask", "strength"),
    ),
    Capability("video", "Make a video", "/img2video", shown=("image",)),
    Capability("upscale", "Upscale a picture", "/upscale", {"resize": 2}, ("image", "resize")),
    Capability("transcribe", "Transcribe speech", "/whisper", shown=("audio",)),
    Capability("chat", "Chat", _CHAT, _THREE_THINGS, ("prompt", "model")),
    Capability("look", "Describe a picture", _CHAT, _WHAT_IS_IT, ("image", "prompt")),
    Capability("sd1", "Draw with Stable Diffusion 1", "/generate", _CAT, ("prompt", "image_count")),
    Capability("sdxl", "Draw with Stable Diffusion XL", "/generate-xl", _CASTLE),
    Capability(
        "openjourney",
        "Draw with Openjourney",
        "/openjourney",
        {"prompt": "mdjrny-v4 style, a windmill in a field"},
    ),
    Capability(
        "midjourney",
        "Submit to Midjourney",
        "/midjourney",
        {"prompt": "A robot in the rain --ar 3:2"},
    ),
)
CAPABILITIES = {capability.name: capability for capability in _ALL}
"""What can be tried, in the order of the page."""
