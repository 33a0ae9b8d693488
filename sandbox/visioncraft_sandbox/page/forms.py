"""The forms, one for each capability, from the schemas that check the requests."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from typing import Any

import anyio.to_thread
import pybase64
from starlette.datastructures import FormData, UploadFile

from langchain_visioncraft.client import fields, text_schemas
from visioncraft_sandbox import routes_drawing, routes_media, routes_midjourney
from visioncraft_sandbox.catalog import NAMES


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
        return _SCHEMAS[self.path]

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
            asked = str(self.values["prompt"])
            prompt = Control("prompt", "textarea", asked, True, "What to say to the model.")
            made = {"prompt": prompt, "image": _LOOK_AT, **made, "stream": _STREAM}
        return [made[name] for name in self.shown] + [
            control for name, control in made.items() if name not in self.shown
        ]

    def _control(self, name: str, spec: Mapping[str, Any], required: bool) -> Control:
        # An optional parameter may be null, too.
        types = [part for part in spec.get("anyOf", ()) if part.get("type") != "null"]
        spec = {**(types[0] if types else {}), **spec}
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
            bounds = {name: spec[key] for name, key in _BOUNDS.items() if key in spec}
            bounds["step"] = 1 if spec["type"] == "integer" else "any"
            return Control(kind="number", bounds=bounds, **facts)
        kind = "textarea" if name == "prompt" else "text"
        return Control(kind=kind, names=NAMES.get(self.path, {}).get(name, ""), **facts)

    async def body(self, form: FormData) -> dict[str, Any]:
        """The JSON body of the form; empty fields are left out."""
        body: dict[str, Any] = {}
        for control in self.controls:
            value = await _value(control, form)
            if value is not None:
                body[control.name] = value
        return _conversation(body) if self.is_chat else body


_LOOK_AT = Control(
    "image", "file", help="A picture to talk about, for LLaVA: a file or a URL.", accept="image/*"
)
_BOUNDS = {"min": "minimum", "max": "maximum"}
_LONGEST_VALUE = 100
"""Characters. The endpoint refuses longer ones as text: parsed, they could fill the memory."""
_STREAM = Control("stream", "checkbox", "true", help="Show the answer while it is written.")


async def _value(control: Control, form: FormData) -> Any:
    if control.kind == "file":
        return await _medium(control.name, form)
    given = form.get(control.name)
    if not isinstance(given, str) or not given.strip():
        return None
    if control.kind in ("number", "select", "checkbox") and len(given) <= _LONGEST_VALUE:
        try:
            return json.loads(given)
        except ValueError:  # a word, or an error that the endpoint reports
            return given
    return given.replace("\r\n", "\n")


async def _medium(name: str, form: FormData) -> str | None:
    """A file as base64, or a URL."""
    for given in form.getlist(name):
        if isinstance(given, UploadFile):
            data = await given.read()
            if data:
                return await anyio.to_thread.run_sync(_in_base64, data)
        elif given.strip():
            return given.strip()
    return None


def _in_base64(data: bytes) -> str:
    return pybase64.b64encode(data).decode()


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
_SCHEMAS: dict[str, type[fields.Request]] = {
    **{operation.path: operation.schema for operation in _OPERATIONS},
    "/v1/chat/completions": text_schemas.ChatRequest,
}
_TOML = resources.files(__package__).joinpath("capabilities.toml").read_text("utf-8")
CAPABILITIES = {name: Capability(name, **facts) for name, facts in tomllib.loads(_TOML).items()}
"""What can be tried, in the order of the page."""
