"""The commands that call an endpoint, with the names, bounds and help of its request model."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from langchain_visioncraft.cli.base import (
    CONNECTION,
    STORE,
    Choice,
    Command,
    connected,
    note,
    option,
)
from langchain_visioncraft.cli.inputs import read_arguments
from langchain_visioncraft.cli.parameters import parameters_of
from langchain_visioncraft.cli.results import (
    JSON,
    OUT,
    SHOW,
    check,
    deliver_media,
    deliver_text,
    working,
)
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.drawing import (
    in_turn,
    parameters_of_drawings,
    seeds_of,
    with_drawing_options,
)
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.client.spool import discard_spools
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.media import Media, MediaStore, Usage
from langchain_visioncraft.media.access import label_for_provenance
from langchain_visioncraft.media.inputs import MediaSource
from langchain_visioncraft.tools.jobs import usage_of


class Capability(click.Command):
    """A command that calls an endpoint.

    Args:
        doing: What is shown while it works.
        positional: Which parameters are arguments, in this order.
        variants: The endpoints behind it by name, the default first.
        choice: The option that names one of them, if there are several.
        draws: Whether it takes a style, proportions, and how many.
        told: The text and the facts of its result, if that is not media.
    """

    def __init__(
        self,
        doing: str,
        positional: Sequence[str],
        variants: Mapping[str, Endpoint[..., Any, Any]],
        *,
        choice: str = "",
        draws: bool = False,
        told: Callable[[Any, Mapping[str, Any]], tuple[str, dict[str, Any]]] | None = None,
    ) -> None:
        super().__init__(None)
        self.doing, self.positional, self.told = doing, positional, told
        self.variants, self.choice, self.draws = variants, choice, draws

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        """That of the command for the endpoint that the arguments choose."""
        default = next(iter(self.variants))
        lenient = {"resilient_parsing": True, "ignore_unknown_options": True}
        seen = self.variant(default).make_context(info_name, [*args], *rest, **{**extra, **lenient})
        chosen = self.variant(seen.params.get(self.choice) or default)
        return chosen.make_context(info_name, args, *rest, **extra)

    def variant(self, name: str) -> Command:
        """The command for one of the endpoints."""
        endpoint = self.variants[name]
        own = endpoint.request.model_fields
        parameters = parameters_of(
            {**parameters_of_drawings(), **own} if self.draws else own,
            defaults=endpoint.request.suggested,
            positional=self.positional,
            media=endpoint.request.media_kinds,
        )
        if self.choice:
            dashed = self.choice.replace("_", "-")
            text = f"Each has options of its own: see --{dashed} … --help."
            kind, default = Choice(self.variants), next(iter(self.variants))
            chosen = option(f"--{dashed}", text, type=kind, default=default)
            parameters.insert(len(self.positional), chosen)
        parameters += [*CONNECTION, STORE, OUT, JSON, *(() if self.told else (SHOW,))]
        run = functools.partial(self._run, endpoint)
        return Command(None, params=parameters, callback=run, help=self.help)

    def _run(
        self,
        endpoint: Endpoint[..., Any, Any],
        *,
        store: str,
        out: str | None,
        as_json: bool,
        show: bool | None = None,
        **values: Any,
    ) -> None:
        check(out, as_json=as_json, binary=not self.told)
        connection = {str(each.name): values.pop(str(each.name)) for each in CONNECTION}
        values.pop(self.choice, None)
        keep_proportions(click.get_current_context(), values)
        kinds, place = endpoint.request.media_kinds, MediaStore(store)
        texts = [name for name in self.positional if name not in kinds]
        given = read_arguments(values, media=kinds, texts=texts, store=place)
        given, flow = self._flow(endpoint, given)
        with connected(**connection) as client, working(self.doing) as tell:
            began = time.monotonic()
            result = client.run(
                flow,
                on_progress=lambda progress: tell(progress.message),
                spool_dir=place.spool_dir if out is None else None,
            )
            seconds = time.monotonic() - began
        shown = {
            name: label_for_provenance(value) if isinstance(value, MediaSource) else value
            for name, value in given.items()
        }
        if self.told:
            text, facts = self.told(result, shown)
            if out and isinstance(result, Transcript):
                text = text if (written := _subtitles(result, out)) is None else written
            deliver_text(text, facts, out=out, as_json=as_json)
            return
        call = usage_of(tool_name(endpoint), endpoint, given.get("model"), seconds)
        keep = functools.partial(
            _keep, place, call, shown, [shown[name] for name in kinds if name in shown]
        )
        try:
            media = result if out is not None else keep(result)
            deliver_media(media, out=out, as_json=as_json, show=show)
        except BrokenPipeError:
            raise
        except OSError:
            for medium in keep(result) if out is not None else ():  # they may be paid for
                note(f"Kept in the store instead: {medium.location}")
            raise
        finally:
            discard_spools(result)

    def _flow(
        self, endpoint: Endpoint[..., Any, Any], given: dict[str, Any]
    ) -> tuple[dict[str, Any], Any]:
        """What is asked in the end, and the flow that asks it."""
        if not self.draws:
            return given, endpoint(**given)
        asked = with_drawing_options(given, endpoint.request)
        own = "image_count" in endpoint.request.model_fields
        seeds = seeds_of(asked, 1 if own else asked.pop("image_count", 1))
        flows = [endpoint(**{**asked, **seed}) for seed in seeds]
        return asked, in_turn(flows, note)


def _keep(
    store: MediaStore,
    call: Usage,
    arguments: Mapping[str, Any],
    sources: Sequence[str],
    media: Sequence[Media],
) -> list[Media]:
    """Keep what a call made, and enter the call into the ledger."""
    kept = [
        store.add(
            medium,
            tool=call.tool,
            arguments=arguments,
            sources=sources,
            call=call.of([medium]).facts(),
        )
        for medium in media
    ]
    store.record(call.of(kept))
    return kept


_ENGINES: dict[str, Endpoint[..., Any, Any]] = {
    "dalle": endpoints.dalle,
    "kandinsky": endpoints.kandinsky,
    "playground": endpoints.playground,
    "leonardo-xl": endpoints.leonardo_xl,
}
"""Those of `VisionCraftTextToImageEngine`."""


def tool_name(endpoint: Endpoint[..., Any, Any]) -> str:
    """The name of the tool that calls this endpoint."""
    if endpoint in _ENGINES.values():
        return "visioncraft_text_to_image_engine"
    # Versions of one tool's endpoint differ in the year at the end.
    return f"visioncraft_{endpoint.__name__}".partition("_20")[0]


def keep_proportions(ctx: click.Context, values: dict[str, Any]) -> None:
    """Where only a width or only a height is given: the other as in the default picture."""
    sides: dict[Any, Any] = {
        each.name: each for each in ctx.command.params if each.name in ("width", "height")
    }
    given = [
        name for name in sides if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if len(sides) == 2 and len(given) == 1:
        [one], [other] = given, sides.keys() - given
        proportion = (sides[other].default or 1) / (sides[one].default or 1)
        wanted, kind = round(values[one] * proportion), sides[other].type
        if isinstance(kind, Choice):
            values[other] = min(kind.values.values(), key=lambda side: abs(side - wanted))
        else:
            values[other] = min(max(wanted, kind.min), kind.max or wanted)


def _transcript(result: Transcript, shown: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    facts = {**result.model_dump(mode="json"), "source": shown["audio"]}
    return result.text or "(No speech was heard in this recording.)", facts


def _subtitles(transcript: Transcript, out: str) -> str | None:
    """The transcript as subtitles, if that is what the name of the file says."""
    forms = {".srt": transcript.to_srt, ".vtt": transcript.to_vtt}
    form = forms.get(Path(out).suffix.lower())
    return form().rstrip("\n") if form else None


def _caption(result: str, shown: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    engine = getattr(result, "engine", None)
    facts = {
        "prompt": shown["prompt"],
        "source": shown["image"],
        "model": engine or shown["model"],
        **({"engine": engine} if engine else {}),
    }
    return result.strip(), {"caption": result.strip(), **facts}


image = Capability(
    "Drawing",
    ["prompt"],
    {
        "sd": endpoints.text_to_image,
        "image": endpoints.image,
        "sd1": endpoints.text_to_image_sd1,
        "sdxl": endpoints.text_to_image_sdxl,
        "midjourney": endpoints.midjourney,
        "openjourney": endpoints.openjourney,
        **_ENGINES,
    },
    choice="engine",
    draws=True,
)
edit = Capability(
    "Changing the picture",
    ["image", "prompt"],
    {"2024-03": endpoints.image_to_image, "2023-11": endpoints.image_to_image_2023},
    choice="api_version",
)
gif = Capability(
    "Animating",
    ["prompt"],
    {"2024-09": endpoints.text_to_gif, "2024-03": endpoints.text_to_gif_2024},
    choice="api_version",
)
video = Capability("Making the video", ["image"], {"": endpoints.image_to_video})
upscale = Capability("Enlarging", ["image"], {"": endpoints.upscale})
transcribe = Capability("Listening", ["audio"], {"": endpoints.transcribe}, told=_transcript)
caption = Capability("Looking", ["image"], {"": endpoints.caption}, told=_caption)
