"""The lists of names: where each is served, and near names for one that a host refuses."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable
from heapq import nlargest
from typing import Any, Literal, TypeAlias

from pydantic import Field

from langchain_visioncraft import errors
from langchain_visioncraft.client.decode import check_refusal, names_from
from langchain_visioncraft.client.fields import OptionalText, Request
from langchain_visioncraft.client.flow import Answer, Auth, Call, Flow
from langchain_visioncraft.client.refusals import unknown_kind

Family: TypeAlias = Literal["image", "sd", "sd1", "sdxl", "img2img", "upscale", "llm"]
ListKind: TypeAlias = Literal["models", "samplers", "schedulers", "loras", "refiners"]

_IMAGE_BASES = (
    *("FLUX.1", "SDXL-1.0", "SD-1.5", "Pony", "Kolors", "SD-3.0", "PixArt", "Playground-v2"),
    *("HunYuanDiT-v1.2", "SD-2.0", "SD-1.4"),
)
_LORA_BASES = (
    *("FLUX.1", "SDXL-1.0", "SD-1.5", "Pony", "Kolors", "SD-3.0", "HunYuanDiT-v1.2", "HunYuanDiT"),
    *("SD-2.0", "SD-1.4", "sd", "sdxl"),
)

_MOST_COMPARED = 10_000
_LONGEST_COMPARED = 64
_CANDIDATES = 100
"""Comparing two long names well takes cubic time, so that is done for few, and short, ones."""

LISTS: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    ("image", "models"): ("/image/models/{base}", _IMAGE_BASES),
    ("image", "samplers"): ("/image/samplers", ()),
    ("image", "loras"): ("/image/loras/{base}", _LORA_BASES),
    ("sd", "models"): ("/sd/models", ("sdxl", "sd", "sd3")),
    ("sd", "samplers"): ("/sd/samplers", ()),
    ("sd", "loras"): ("/sd/loras", ("sdxl", "sd", "sd3")),
    ("sd1", "models"): ("/models", ()),
    ("sd1", "samplers"): ("/samplers", ()),
    ("sd1", "loras"): ("/loras", ()),
    ("sdxl", "models"): ("/models-xl", ()),
    ("sdxl", "samplers"): ("/samplers-xl", ()),
    ("sdxl", "schedulers"): ("/schedulers-xl", ()),
    ("sdxl", "loras"): ("/loras-xl", ()),
    ("img2img", "schedulers"): ("/img2img/schedulers", ()),
    ("img2img", "refiners"): ("/img2img/refiners", ()),
    ("upscale", "models"): ("/models-upscale", ()),
    ("llm", "models"): ("/models-llm", ()),
}
"""Where each family's lists are served, and the base models by which some are split."""


def list_paths(family: str, kind: str, base_model: str | None = None) -> list[list[str]]:
    """The paths of a list, by generation of hosts; those of one generation are parts of the list.

    From 2024-05 on, the lists of ``/sd`` were split by base model, as in ``/sd/models-sdxl``.
    """
    path, bases = LISTS[family, kind]
    divided = path if "{" in path else f"{path}-{{base}}"
    parts = [divided.format(base=each) for each in ([base_model] if base_model else bases)]
    return [each for each in ([] if base_model or path == divided else [path], parts) if each]


class ListRequest(Request):
    """One of the lists of names, such as ``GET /sd/models``."""

    family: Family = Field(
        kw_only=False,
        description="'image' (all models since 2024-08), 'sd' (text to image), 'sd1' (Stable "
        "Diffusion 1.x), 'sdxl', 'img2img' (image to image), 'upscale' or 'llm' (chat).",
    )
    kind: ListKind = Field(
        kw_only=False,
        description="What to list: image, sd and sd1 have models, samplers, loras; sdxl has "
        "schedulers, too; img2img has schedulers, refiners; upscale and llm have models.",
    )
    base_model: OptionalText = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Only those for one base model, where 'image' or 'sd' are divided: 'FLUX.1', "
        "'SDXL-1.0', 'SD-1.5', 'Pony', … or 'sd', 'sdxl', 'sd3'.",
    )

    def model_post_init(self, _: Any) -> None:
        """Refuse a combination that no document offers."""
        if (self.family, self.kind) not in LISTS:
            kinds = [kind for family, kind in LISTS if family == self.family]
            msg = f"the family {self.family!r} has no {self.kind}, only {', '.join(kinds)}"
            raise ValueError(msg)
        if self.base_model and not LISTS[self.family, self.kind][1]:
            msg = f"the {self.kind} of {self.family!r} are one list: leave `base_model` out"
            raise ValueError(msg)


def post(
    path: str,
    request: Request,
    family: str | None = None,
    *,
    auth: Auth = "token",
    streams: bool = False,
) -> Flow[Answer]:
    """Make a call; if the host refuses a name, add near names to the error."""
    try:
        answer: Answer = yield Call("POST", path, request.body(), auth=auth, streams=streams)
        check_refusal(answer)
    except errors.BadRequestError as error:
        kind = unknown_kind(error.detail)
        if family is None or (family, kind) not in LISTS:
            raise
        problem = error, str(kind)
    else:
        return answer
    return (yield from _suggest(*problem, family, request))


def names_of(family: str, kind: str, base_model: str | None = None) -> Flow[list[str]]:
    """The names of one kind and family, of all lists that the host has for them.

    Raises `EndpointNotFoundError` if it has none.
    """
    missing = None
    for generation in list_paths(family, kind, base_model):
        found: dict[str, None] = {}
        offered = False
        for path in generation:
            try:
                names = names_from((yield Call("GET", path, auth="none")))
            except errors.EndpointNotFoundError as error:
                missing = missing or error
            else:
                found |= dict.fromkeys(names)
                offered = True
        if offered:
            return list(found)
    assert missing is not None  # noqa: S101 -- no list is without a path
    raise missing


def near_names(name: str, names: Iterable[str], *, cutoff: float) -> list[str]:
    """Up to five of the names that resemble this one, the nearest first."""
    beginning = name.lower()[:_LONGEST_COMPARED]
    matcher = difflib.SequenceMatcher(b=beginning)
    scores: list[tuple[float, str]] = []
    for other in itertools.islice(names, _MOST_COMPARED):
        matcher.set_seq1(other.lower()[:_LONGEST_COMPARED])
        scores.append((matcher.quick_ratio(), other))
    lowered = {
        other.lower()[:_LONGEST_COMPARED]: other for _, other in nlargest(_CANDIDATES, scores)
    }
    near = difflib.get_close_matches(beginning, lowered, n=5, cutoff=cutoff)
    return [lowered[other] for other in near]


def _suggest(
    error: errors.BadRequestError, kind: str, family: str, request: Request
) -> Flow[Answer]:
    try:
        names = yield from names_of(family, kind)
    except errors.VisionCraftError:
        raise error from None  # the refusal is the better message
    given = getattr(request, kind if kind == "loras" else kind.removesuffix("s"), None)
    asked = list(given) if isinstance(given, dict) else [given] if given else []
    unknown = next((name for name in asked if name not in names), None)
    if unknown is None:  # it refers to something other than the given name
        raise error
    suggestions = near_names(unknown, names, cutoff=0.5)
    listed = ", ".join(repr(name) for name in suggestions or names[:8])
    msg = (
        f"{error.endpoint}: the host does not know the {kind.removesuffix('s')} {unknown!r}. "
        f"{'Near names' if suggestions else 'It knows for example'}: {listed}. "
        f"All {len(names)} are in the list {family!r}, {kind!r}."
    )
    better = errors.UnknownNameError(
        msg,
        status=error.status,
        detail=error.detail,
        endpoint=error.endpoint,
        base_url=error.base_url,
    )
    better.name, better.suggestions = unknown, suggestions
    raise better from error
