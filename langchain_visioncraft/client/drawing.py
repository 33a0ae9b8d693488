"""Parameters of drawings beyond the service's own: a style, proportions, several pictures."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from langchain_visioncraft.client.fields import Request
from langchain_visioncraft.client.flow import Flow, Progress
from langchain_visioncraft.client.options import LeftOutIfEmpty, Options
from langchain_visioncraft.client.schemas import MidjourneyRequest
from langchain_visioncraft.errors import InvalidRequestError, VisionCraftError
from langchain_visioncraft.media.media import Media

Engine: TypeAlias = Literal[
    "sd",
    "image",
    "sd1",
    "sdxl",
    "midjourney",
    "openjourney",
    "dalle",
    "kandinsky",
    "playground",
    "leonardo-xl",
]
"""The engines that draw from prompts, by the names that users give; the default first.

Their endpoints are in `cli.capabilities`, their tools in `tools.engines`.
"""

BEST_FIRST: tuple[Engine, ...] = ("image", "sd", "sdxl", "sd1")
"""The engines that ``"auto"`` chooses from: a host's lists show whether it has them."""

_RATIO = re.compile(r"\s*(\d{1,4})\s*[:x/]\s*(\d{1,4})\s*")
_GRID = 8
"""Pixels: Stable Diffusion takes sides that are multiples of this."""


class Style(NamedTuple):
    """Words that are appended to a prompt, and to a negative prompt."""

    prompt: str
    negative_prompt: str = ""


STYLES: dict[str, Style] = {
    "photo": Style(
        "photograph, natural light, sharp focus, fine detail", "drawing, painting, cartoon, 3d"
    ),
    "cinematic": Style("film still, cinematic light, shallow depth of field", "drawing, cartoon"),
    "watercolor": Style("watercolor painting, soft washes, visible paper", "photograph, 3d"),
    "oil": Style("oil painting on canvas, visible brush strokes", "photograph, 3d"),
    "ink": Style("ink drawing, fine black lines, white paper", "photograph, color, shading"),
    "comic": Style("comic book panel, bold outlines, flat colors", "photograph, blurry"),
    "anime": Style("anime, clean lines, cel shading", "photograph, 3d"),
    "storybook": Style("storybook illustration, gouache, warm colors", "photograph, frightening"),
    "pixel": Style("pixel art, 16-bit, limited palette", "photograph, blurry, smooth"),
    "poster": Style("minimalist vector poster, flat shapes, strong colors", "photograph, noise"),
}
"""Name → style. Add your own styles before you create the tools:

```python
from langchain_visioncraft import VisionCraftTextToImage
from langchain_visioncraft.client.drawing import STYLES, Style

STYLES["house"] = Style("flat vector art in teal and orange", "photograph")
draw = VisionCraftTextToImage(style="house", aspect_ratio="16:9")
assert "house" in draw.args["style"]["anyOf"][0]["description"]
del STYLES["house"]
```
"""


class DrawingOptions(Options):
    """Parameters of drawing tools and ``visioncraft image`` in addition to the engine's own."""

    style: Annotated[str | None, LeftOutIfEmpty()] = Field(
        default=None, description="Words for a look are added to the prompts."
    )
    aspect_ratio: Annotated[str | None, LeftOutIfEmpty()] = Field(
        default=None, description="Proportions such as '16:9', instead of width and height."
    )


class CountOptions(Options):
    """How many pictures, for engines that draw one at a time."""

    image_count: int = Field(
        default=1, ge=1, le=5, description="How many images, 1 to 5; each is a call of its own."
    )


def parameters_of_drawings() -> dict[str, FieldInfo]:
    """The parameters above, with the present styles."""
    fields = {**DrawingOptions.model_fields, **CountOptions.model_fields}
    style = fields["style"] = copy.copy(fields["style"])
    style.description = f"A look, one of: {', '.join(STYLES)}."
    return fields


def with_drawing_options(arguments: Mapping[str, Any], request: type[Request]) -> dict[str, Any]:
    """The arguments of a drawing with its style and proportions as parameters of the engine.

    The given sides are upper limits. Midjourney takes proportions in its prompt. Raises
    `InvalidRequestError` if there is no such style, or the proportions are not possible.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    if name := given.pop("style", None):
        style = _style(str(name))
        given["prompt"] = f"{given['prompt']}, {style.prompt}"
        negative = [given.get("negative_prompt"), style.negative_prompt]
        if "negative_prompt" in request.model_fields and any(negative):
            given["negative_prompt"] = ", ".join(filter(None, negative))
    if ratio := given.pop("aspect_ratio", None):
        width, height = _proportions(str(ratio))
        if "width" in request.model_fields:
            given["width"], given["height"] = _sides(width / height, given, request)
        elif issubclass(request, MidjourneyRequest):
            given["prompt"] = f"{given['prompt']} --ar {width}:{height}"
        else:
            msg = "This engine takes no aspect_ratio: it chooses the proportions itself."
            raise InvalidRequestError(msg)
    return given


def seeds_of(arguments: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """The differences between several calls: consecutive seeds, if a seed is given."""
    seed = arguments.get("seed")
    if seed is None or seed < 0:
        return [{} for _ in range(count)]
    return [{"seed": seed + number} for number in range(count)]


def in_turn(flows: Sequence[Flow[list[Media]]], say: Callable[[str], None]) -> Flow[list[Media]]:
    """Draw several times. If a later call fails, earlier pictures stay; `say` gets the reason."""
    made: list[Media] = []
    for number, flow in enumerate(flows):
        if number:
            yield Progress(f"{number} of {len(flows)} pictures are drawn")
        try:
            made += yield from flow
        except VisionCraftError as error:
            if not made:
                raise
            say(f"Only {number} of {len(flows)} pictures were drawn: {error}")
            break
    return made


def _style(name: str) -> Style:
    found = STYLES.get(name) or STYLES.get(name.strip().lower())
    if found is None:
        msg = f"There is no style {name[:80]!r}; there are {', '.join(STYLES)}."
        raise InvalidRequestError(msg)
    return found


def _proportions(text: str) -> tuple[int, int]:
    match = _RATIO.fullmatch(text)
    if match is None or "0" in (match[1].strip("0") or "0", match[2].strip("0") or "0"):
        msg = f"aspect_ratio={text[:80]!r} is not valid: give width and height, such as '16:9'."
        raise InvalidRequestError(msg)
    return int(match[1]), int(match[2])


def _sides(ratio: float, given: Mapping[str, Any], request: type[Request]) -> tuple[Any, Any]:
    """The sides for these proportions; the longer side keeps its length."""
    fields = request.model_fields
    longest = max(
        given.get(name) or fields[name].get_default() or _choices(fields[name])[-1]
        for name in ("width", "height")
    )
    wanted = (longest, longest / ratio) if ratio >= 1 else (longest * ratio, longest)
    sides = tuple(
        min(_choices(fields[name]), key=lambda side: abs(side - want))
        for name, want in zip(("width", "height"), wanted, strict=True)
    )
    if not 0.8 < sides[0] / sides[1] / ratio < 1.25:
        least, most = _choices(fields["width"])[0], _choices(fields["width"])[-1]
        msg = (
            f"Proportions of {ratio:.2f} are not possible here: sides are {least} to {most} "
            "pixels. Use a ratio nearer to 1:1."
        )
        raise InvalidRequestError(msg)
    return sides[0], sides[1]


def _choices(field: Any) -> Sequence[int]:
    """The allowed lengths of a side, in ascending order."""
    if get_origin(field.annotation) is Literal:
        return get_args(field.annotation)
    least = next(each.ge for each in field.metadata if hasattr(each, "ge"))
    most = next(each.le for each in field.metadata if hasattr(each, "le"))
    return range(least, most + 1, _GRID)
