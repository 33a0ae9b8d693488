"""The commands that call an endpoint: how each makes its request and handles the answer."""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import click
from click.core import ParameterSource

from langchain_visioncraft.cli.inputs import connected, read_arguments
from langchain_visioncraft.cli.problems import note
from langchain_visioncraft.cli.results import check, deliver_media, deliver_text, working
from langchain_visioncraft.client import VisionCraftClient, endpoints
from langchain_visioncraft.client.drawing import (
    BEST_FIRST,
    in_turn,
    parameters_of_drawings,
    seeds_of,
    with_drawing_options,
)
from langchain_visioncraft.client.endpoints import Endpoint
from langchain_visioncraft.client.spool import discard_spools
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.errors import EndpointNotFoundError, VisionCraftError
from langchain_visioncraft.media import Media, MediaStore, Usage
from langchain_visioncraft.media.access import label_for_provenance
from langchain_visioncraft.media.inputs import MediaSource
from langchain_visioncraft.tools.jobs import Job, usage_of

_SIDES = ("width", "height")
AnyEndpoint: TypeAlias = Endpoint[..., Any, Any]


class Capability(NamedTuple):
    """A command that calls endpoints.

    Attributes:
        doing: What is shown while it works.
        variants: The endpoints behind it by name, the default first.
        draws: Whether it takes a style, proportions and a count, and ``auto`` as its endpoint.
        told: Returns the text and the facts of a result that is not media.
    """

    doing: str
    variants: Mapping[str, AnyEndpoint]
    draws: bool = False
    told: Callable[[Any, Mapping[str, Any]], tuple[str, dict[str, Any]]] | None = None


def run(
    name: str,
    *,
    variant: str = "",
    connection: Mapping[str, Any],
    store: str,
    out: str | None,
    as_json: bool,
    show: bool | None = None,
    **values: Any,
) -> None:
    """Run a command; `values` are the parameters of the endpoint."""
    does, place = CAPABILITIES[name], MediaStore(store)
    check(out, as_json=as_json, binary=not does.told, store=None if does.told else store)
    source = click.get_current_context().get_parameter_source
    given = {
        name: value for name, value in values.items() if source(name) is not ParameterSource.DEFAULT
    }
    kinds = {name for each in does.variants.values() for name in each.request.media_kinds}
    given = read_arguments(given, media=kinds, store=place)
    with connected(connection) as client, working(does.doing) as tell:
        endpoint = does.variants.get(variant) or _best_engine(client, does.variants, given)
        asked, flow = _flow(endpoint, given, draws=does.draws)
        began = time.monotonic()
        try:
            result = client.run(
                flow,
                on_progress=lambda progress: tell(progress.message),
                spool_dir=place.spool_dir if out is None else None,
            )
        except EndpointNotFoundError:
            if does.draws:
                with contextlib.suppress(VisionCraftError):
                    note(f"This host offers {_listed(_offered(client, does.variants))}.")
            raise
        call = usage_of(tool_name(endpoint), endpoint, asked.get("model"), time.monotonic() - began)
    shown = {
        name: label_for_provenance(value) if isinstance(value, MediaSource) else value
        for name, value in asked.items()
    }
    if does.told:
        text, facts = does.told(result, shown)
        if doubt := facts.get("note"):  # the sandbox suspects another language
            note(doubt)
        if out and isinstance(result, Transcript):
            text = text if (written := _subtitles(result, out)) is None else written
        deliver_text(text, facts, out=out, as_json=as_json)
        return
    sources = [shown[name] for name in endpoint.request.media_kinds if name in shown]
    keep = functools.partial(_keep, place, call, shown, sources)
    try:
        _deliver(result, keep, out=out, as_json=as_json, show=show)
    finally:
        discard_spools(result)


def again(
    way: str,
    *,
    handle: str,
    connection: Mapping[str, Any],
    store: str,
    out: str | None,
    as_json: bool,
    show: bool | None,
) -> None:
    """Make a stored picture again, in this way: a method of the toolkit."""
    from langchain_visioncraft.toolkit import VisionCraftToolkit  # noqa: PLC0415 -- brings LangChain

    check(out, as_json=as_json, binary=True, store=store)
    with connected(connection) as client, working("Drawing"):
        toolkit = VisionCraftToolkit(client=client, store=MediaStore(store))
        media = getattr(toolkit, way)(handle)
        if way == "vary" and handle in (medium.handle for medium in media):
            note("The host made the same picture again: its endpoint takes no seed.")
        deliver_media(media, out=out, as_json=as_json, show=show)


def _deliver(
    made: list[Media],
    keep: Callable[[Sequence[Media]], list[Media]],
    *,
    out: str | None,
    **how: Any,
) -> None:
    """Write media to their target; if that fails, save elsewhere what may have been paid for."""
    kept: list[Media] = []
    try:
        kept = keep(made) if out is None else []
        deliver_media(kept or made, out=out, **how)
    except BrokenPipeError:
        raise
    except Exception:  # disks and storage raise errors of many kinds
        for medium in kept or (_outside(made) if out is None else keep(made)):
            note(f"Kept: {medium.location}")
        raise


def _best_engine(
    client: VisionCraftClient, engines: Mapping[str, AnyEndpoint], given: Mapping[str, Any]
) -> AnyEndpoint:
    """The engine that ``auto`` means with this host, if it takes the given options."""
    offered = _offered(client, engines)
    engine = next((name for name in BEST_FIRST if name in offered), None)
    if engine is None:
        msg = (
            f"{client.settings.base_url} shows none of the engines that auto chooses from "
            f"({', '.join(BEST_FIRST)}). It offers {_listed(offered)}: choose with --engine."
        )
        raise EndpointNotFoundError(msg, base_url=client.settings.base_url)
    known = {*engines[engine].request.model_fields, *parameters_of_drawings()}
    if unknown := [f"--{name.replace('_', '-')}" for name in given if name not in known]:
        msg = (
            f"{client.settings.base_url} draws with {engine}, which takes no "
            f"{' or '.join(unknown)}. It offers {_listed(offered)}: choose with --engine."
        )
        raise click.UsageError(msg)
    return engines[engine]


def _offered(client: VisionCraftClient, engines: Mapping[str, AnyEndpoint]) -> list[str]:
    """The engines that a host offers, as far as its lists say."""
    found = client.capabilities()
    return [name for name, endpoint in engines.items() if endpoint.__name__ in found]


def _listed(engines: Sequence[str]) -> str:
    return ", ".join(engines) or "no engine that draws from words"


def _flow(endpoint: AnyEndpoint, given: Mapping[str, Any], *, draws: bool) -> tuple[Any, Any]:
    """The final parameters, with the defaults, and the flow that makes the call."""
    fields = endpoint.request.model_fields
    defaults = {
        name: field.get_default(call_default_factory=True)
        for name, field in fields.items()
        if not field.is_required()
    }
    defaults |= endpoint.request.suggested
    sides = {name: given[name] for name in _SIDES if name in given}
    if len(sides) == 1 and {*_SIDES} <= fields.keys():  # keep the default proportions
        [side] = sides.values()
        defaults |= dict.fromkeys(_SIDES, side)
    asked = {name: value for name, value in {**defaults, **given}.items() if value is not None}
    if not draws:
        return asked, endpoint(**asked)
    asked = with_drawing_options(asked, endpoint.request)
    seeds = seeds_of(asked, 1 if "image_count" in fields else asked.pop("image_count", 1))
    return asked, in_turn([endpoint(**{**asked, **seed}) for seed in seeds], note)


def _keep(
    store: MediaStore,
    call: Usage,
    arguments: Mapping[str, Any],
    sources: Sequence[str],
    media: Sequence[Media],
) -> list[Media]:
    """Save the results of a call, each with its own seed, and record the call in the ledger."""
    job = Job(None, {**arguments})
    kept = [
        store.add(
            medium,
            tool=call.tool,
            arguments=job.arguments_of(medium),
            sources=sources,
            call=call.of([medium]).facts(),
        )
        for medium in media
    ]
    with contextlib.suppress(OSError):  # a paid result must not fail because of it
        store.record(call.of(kept))
    return kept


def _outside(media: Sequence[Media]) -> list[Media]:
    """Save, in a new temporary folder, media that the store did not accept."""
    folder = tempfile.mkdtemp(prefix="visioncraft-")
    return [medium.at(str(medium.save(folder))) for medium in media]


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


def _transcript(result: Transcript, shown: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    facts = {**result.model_dump(mode="json"), "source": shown["audio"]}
    return result.text or "(No speech was heard in this recording.)", facts


def _subtitles(transcript: Transcript, out: str) -> str | None:
    """The transcript as subtitles, if the name of the file asks for them."""
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


CAPABILITIES = {
    "image": Capability(
        "Drawing",
        {
            "sd": endpoints.text_to_image,
            "image": endpoints.image,
            "sd1": endpoints.text_to_image_sd1,
            "sdxl": endpoints.text_to_image_sdxl,
            "midjourney": endpoints.midjourney,
            "openjourney": endpoints.openjourney,
            **_ENGINES,
        },
        draws=True,
    ),
    "edit": Capability(
        "Changing the picture",
        {"2024-03": endpoints.image_to_image, "2023-11": endpoints.image_to_image_2023},
    ),
    "gif": Capability(
        "Animating", {"2024-09": endpoints.text_to_gif, "2024-03": endpoints.text_to_gif_2024}
    ),
    "video": Capability("Making the video", {"": endpoints.image_to_video}),
    "upscale": Capability("Enlarging", {"": endpoints.upscale}),
    "transcribe": Capability("Listening", {"": endpoints.transcribe}, told=_transcript),
    "caption": Capability("Looking", {"": endpoints.caption}, told=_caption),
}
