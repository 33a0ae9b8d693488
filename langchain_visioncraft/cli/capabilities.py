"""The commands that are made from tools, with the names, bounds and help of their schemas."""

from __future__ import annotations

import argparse
import contextlib
import copy
import functools
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer
from langchain_core.callbacks import BaseCallbackHandler
from pydantic.fields import FieldInfo

from langchain_visioncraft import tools
from langchain_visioncraft.cli.inputs import read_arguments
from langchain_visioncraft.cli.lazy import Chosen
from langchain_visioncraft.cli.options import Connection, Display, Output, Store
from langchain_visioncraft.cli.parameters import command, keyword, parameters_of
from langchain_visioncraft.cli.problems import explained, note
from langchain_visioncraft.cli.results import check, deliver_media, deliver_text
from langchain_visioncraft.cli.session import connected, working
from langchain_visioncraft.client import VisionCraftClient
from langchain_visioncraft.media import Media, MediaStore
from langchain_visioncraft.tools import VisionCraftTool

_RAISE = {"handle_tool_error": False, "handle_validation_error": False}
"""A person reads the errors here, not a model."""

_Tool = Callable[..., VisionCraftTool]


@dataclass(frozen=True)
class Capability:
    """What a command does.

    Attributes:
        doing: What is shown while it works.
        positional: Which parameters are arguments, in this order.
        variants: The tools behind it by name, the default first.
        choice: The option that names one of them, if there are several.
        makes_text: Whether it gives a text, and not media.
    """

    doing: str
    positional: tuple[str, ...]
    variants: Callable[[], Mapping[str, _Tool]]
    choice: str | None = None
    makes_text: bool = False

    def function(self, arguments: list[str]) -> Callable[..., None]:
        """The function of the command, for the variant that its arguments name."""
        variants = self.variants()
        name = self._variant(arguments, variants)
        make = variants[name]
        # Only its schema is looked at here: no host, no key.
        tool = make(client=VisionCraftClient(api_key="none", base_url="http://localhost"))
        media = tool.request().media_kinds
        fields = _fields(tool)
        parameters = parameters_of(fields, positional=self.positional, media=media)
        if self.choice:
            names = Literal[tuple(variants)]  # type: ignore[valid-type]
            text = f"Each has options of its own: see --{self.choice} … --help."
            first = next(iter(variants))
            choice = keyword(self.choice, Annotated[names, typer.Option(help=text)], first)
            parameters.insert(len(self.positional), choice)

        def run(**values: Any) -> None:
            values.pop(self.choice or "", None)
            self._run(make, tool, **values)

        groups: dict[str, Any] = {"connection": Connection, "store": Store, "output": Output}
        if not self.makes_text:
            groups["display"] = Display
        return command(run, *parameters, **groups)

    def _run(
        self,
        make: _Tool,
        schema: VisionCraftTool,
        *,
        connection: Connection,
        store: Store,
        output: Output,
        display: Display | None = None,
        **values: Any,
    ) -> None:
        with explained(output.as_json):
            check(output, binary=not self.makes_text)
            media = schema.request().media_kinds
            texts = [name for name in self.positional if name not in media]
            handles = MediaStore(store.store)
            given = read_arguments(values, media=media, texts=texts, store=handles)
            call = {name: given.pop(name) for name in schema.args if name in given}
            with connected(connection) as client, _place(handles, output) as place:
                tool = make(client=client, store=place, **_RAISE, **given)
                with working(self.doing) as tell:
                    content, artifact = _call(tool, call, tell)
                if display is None:
                    deliver_text(content, artifact, output)
                    return
                with _kept_if_lost(artifact, handles):
                    deliver_media(Media.from_artifact(artifact), output, display.show)

    def _variant(self, arguments: list[str], variants: Mapping[str, Any]) -> str:
        default = next(iter(variants))
        if self.choice is None:
            return default
        peek = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        peek.add_argument(f"--{self.choice}", dest="chosen", nargs="?")
        chosen = peek.parse_known_args(arguments)[0].chosen
        return chosen if chosen in variants else default  # Typer refuses what is no variant


def _fields(tool: VisionCraftTool) -> dict[str, FieldInfo]:
    """What a call may say, and what only developers say: here a person does both."""
    fields: dict[str, FieldInfo] = dict(tool.args_schema.model_fields)
    for name in tool.hidden_from_model:
        hidden = copy.copy(tool.request().model_fields[name])
        hidden.default = getattr(tool, name)
        fields[name] = hidden
    return fields


@contextlib.contextmanager
def _place(store: MediaStore, output: Output) -> Iterator[MediaStore]:
    """Where results are kept: what `-o` takes away needs no place in the store."""
    if output.out is None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="visioncraft-") as folder:
        yield MediaStore(folder)


@contextlib.contextmanager
def _kept_if_lost(artifact: Any, store: MediaStore) -> Iterator[None]:
    """Keep media in the store if they cannot be written where they should: they may be paid for."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        for medium in Media.from_artifact(artifact):
            note(f"Kept in the store instead: {store.add(medium).location}")
        raise


def _call(
    tool: VisionCraftTool, arguments: dict[str, Any], tell: Callable[[str], None]
) -> tuple[str, Any]:
    call = {"type": "tool_call", "id": "command", "name": tool.name, "args": arguments}
    message = tool.invoke(call, {"callbacks": [_Progress(tell)]})
    return str(message.content), message.artifact


class _Progress(BaseCallbackHandler):
    """Tells what a tool reports of its progress."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def on_custom_event(self, name: str, data: Any, **_: Any) -> None:
        """Tell the message of a progress event."""
        if name == tools.PROGRESS_EVENT:
            self._tell(str(data["message"]))


def _engines() -> Mapping[str, _Tool]:
    from langchain_visioncraft.tools.images import TEXT_TO_IMAGE  # noqa: PLC0415  # only for this

    return TEXT_TO_IMAGE


def _only(tool: str) -> Callable[[], Mapping[str, _Tool]]:
    return lambda: {tool: getattr(tools, tool)}


def _api_versions(tool: str) -> Callable[[], Mapping[str, _Tool]]:
    def versions() -> dict[str, _Tool]:
        kind = getattr(tools, tool)
        return {name: functools.partial(kind, api_version=name) for name in kind.api_versions}

    return versions


CAPABILITIES = {
    "image": Capability("Drawing", ("prompt",), _engines, choice="engine"),
    "edit": Capability(
        "Changing the picture",
        ("image", "prompt"),
        _api_versions("VisionCraftImageToImage"),
        choice="api_version",
    ),
    "gif": Capability(
        "Animating", ("prompt",), _api_versions("VisionCraftTextToGif"), choice="api_version"
    ),
    "video": Capability("Making the video", ("image",), _only("VisionCraftImageToVideo")),
    "upscale": Capability("Enlarging", ("image",), _only("VisionCraftUpscale")),
    "transcribe": Capability(
        "Listening", ("audio",), _only("VisionCraftTranscribe"), makes_text=True
    ),
    "caption": Capability("Looking", ("image",), _only("VisionCraftCaption"), makes_text=True),
}

image, edit, gif, video, upscale, transcribe, caption = (
    Chosen(each.function) for each in CAPABILITIES.values()
)
