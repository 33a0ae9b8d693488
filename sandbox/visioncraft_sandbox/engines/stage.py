"""The stage of a scene: pixels, light, layers, and the brushes that all landscapes share."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageFilter

from visioncraft_sandbox.engines.reading import Idea
from visioncraft_sandbox.engines.stopping import go_on

Colour = tuple[float, ...]
Points = list[tuple[float, float]]
Box = tuple[float, float, float, float]
WHITE: Final[Colour] = (255, 255, 255)


@dataclass(frozen=True)
class Light:
    """The colours of an hour."""

    top: Colour  # the sky overhead
    middle: Colour  # the sky half way down
    low: Colour  # the sky at the horizon
    glow: Colour  # sun or moon
    ambient: Colour  # the factors for things' own colours, 0 to 1
    haze: Colour  # the colour that distant things fade into


_FILE = resources.files(__package__).joinpath("drawing_colours.toml")
PAINTS: Final[dict[str, Any]] = tomllib.loads(_FILE.read_text("utf-8"))
_LIGHTS: Final[dict[str, Light]] = {
    hour: Light(**{name: tuple(colour) for name, colour in colours.items()})
    for hour, colours in PAINTS["lights"].items()
}


def mix(one: Colour, two: Colour, part: float) -> Colour:
    """The colour ``part`` of the way from ``one`` to ``two``."""
    return tuple(a + (b - a) * part for a, b in zip(one, two, strict=True))


def lit(colour: Colour, ambient: Colour) -> Colour:
    """A thing's colour in that light."""
    return tuple(a * b for a, b in zip(colour, ambient, strict=True))


def rgb(colour: Colour) -> tuple[int, ...]:
    """The colour in whole numbers, as Pillow takes it."""
    return tuple(map(int, colour))


def to_image(pixels: NDArray[Any]) -> Image.Image:
    """A picture of an array whose values may lie beyond 0 to 255."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def veil(colour: ArrayLike, cover: NDArray[Any]) -> Image.Image:
    """An RGBA picture in one colour, or in one for each pixel, as opaque as `cover` (0 to 1)."""
    tone = np.empty((*cover.shape, 4), np.float32)
    tone[..., :3] = colour
    tone[..., 3] = cover * 255
    return to_image(tone)


def away(size: int) -> NDArray[np.float32]:
    """How far each pixel of a square is from its middle, 1 at the edges."""
    rows, columns = np.mgrid[0:size, 0:size].astype(np.float32) / size * 2 - 1
    return np.asarray(np.hypot(rows, columns), np.float32)


def halo(size: float, colour: Colour, strength: int, *, fall: float) -> Image.Image:
    """A spot of light that fades towards its edge."""
    near = np.clip(1 - away(max(8, int(size))), 0, 1)
    return veil(colour, strength / 255 * near**fall)


def gradient(part: NDArray[Any], stops: Sequence[float], colours: ArrayLike) -> NDArray[Any]:
    """A colour for each of `part`, interpolated between the stops."""
    bands = np.asarray(colours, np.float32).T
    return np.stack([np.interp(part, stops, band) for band in bands], axis=-1)


def halved(sheet: Image.Image) -> Image.Image:
    """A picture that was drawn twice as large, which smooths its edges."""
    return sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.BOX)


def noise(rng: np.random.Generator, size: tuple[int, int], cell: float) -> NDArray[np.float32]:
    """Smooth noise around 0, of this width and height, with spots of about ``cell`` pixels."""
    wide, high = (max(2, round(side / cell) + 1) for side in size)
    coarse = Image.fromarray(rng.standard_normal((high, wide)).astype(np.float32))
    return np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.float32)


def light_of(idea: Idea) -> Light:
    """The light of an idea: its hour, dimmed by its weather, leaning to its colour."""
    light = _LIGHTS[idea.hour]
    for gloom in PAINTS["gloom"]:
        if idea.weather & set(gloom["weather"]):
            colour = gloom["night" if idea.hour == "night" else "day"]
            part, dim = gloom["share"], gloom["dim"]
            light = Light(
                mix(light.top, colour, part),
                mix(light.middle, colour, part),
                mix(light.low, mix(colour, (235, 235, 235), 0.25), part * 0.8),
                light.glow,
                mix(lit(light.ambient, (dim, dim, dim)), (0.8, 0.86, 0.94), 0.15),
                mix(light.haze, mix(colour, (235, 235, 235), 0.2), part),
            )
            break
    if idea.accent is not None:
        accent = idea.accent
        light = Light(
            mix(light.top, accent, 0.55),
            mix(light.middle, mix(accent, WHITE, 0.25), 0.55),
            mix(light.low, mix(accent, (255, 250, 240), 0.55), 0.5),
            light.glow,
            mix(light.ambient, tuple(band / 255 for band in accent), 0.22),
            mix(light.haze, mix(accent, WHITE, 0.4), 0.5),
        )
    return light


@dataclass
class Layer:
    """An RGBA picture that lies on the stage and may move."""

    image: Image.Image
    x: float  # left edge in pixels
    y: float  # upper edge in pixels
    depth: float  # layers with a greater depth are further in front
    motion: str = "still"  # a key of `finishing.MOTIONS`
    reach: float = 0.0  # how far it moves, in pixels
    phase: float = 0.0  # where in the loop it starts, 0 to 1


@dataclass(frozen=True)
class Placed:
    """Where a thing of this name was put: left, top, right and bottom in pixels."""

    name: str
    box: Box
    turned: bool


@dataclass
class Stage:
    """A scene while it is painted; all lengths are in pixels."""

    idea: Idea
    width: int
    height: int
    light: Light
    rng: np.random.Generator  # the only source of randomness
    pixels: NDArray[np.float32]  # the background, height x width x 3, 0 to 255
    layers: list[Layer] = field(default_factory=list)
    horizon: float = 0.0  # from above
    ground: tuple[float, float] | None = None  # its upper and lower end, if there is any
    back: tuple[float, float] | None = None  # where buildings stand
    water: tuple[float, float] | None = None  # where boats float
    span: tuple[float, float] = (0.04, 0.96)  # bounds of the ground, as parts of the width
    sun: tuple[float, float] = (0.0, 0.0)  # where the sun or moon stands
    lift: float = 0.0  # added to the depth of things on the ground
    placed: list[Placed] = field(default_factory=list)  # the subjects

    def bake(self, image: Image.Image, x: float, y: float) -> None:
        """Paint an RGBA picture into the background, behind everything painted later."""
        left, top = round(x), round(y)
        first, last = max(0, top), min(self.height, top + image.height)
        part = image.crop((-left, first - top, self.width - left, last - top))
        pixels = np.asarray(part, np.float32)
        self.blend(pixels[..., :3], pixels[..., 3] / 255, first)

    @property
    def unit(self) -> float:
        """The unit of sizes: the shorter side, or a little more for long pictures."""
        short, long = sorted((self.width, self.height))
        return float(min(short * 1.15, (short * short * long) ** (1 / 3)))

    @property
    def rows(self) -> NDArray[np.float32]:
        """Each row's number, as a column."""
        return np.arange(self.height, dtype=np.float32)[:, None]

    @property
    def columns(self) -> NDArray[np.float32]:
        """Each column's number."""
        return np.arange(self.width, dtype=np.float32)

    def noise(self, cell: float, *, height: int | None = None) -> NDArray[np.float32]:
        """Smooth noise in the stage's width; see `noise`."""
        return noise(self.rng, (self.width, height or self.height), cell)

    def line(self, waves: float, *, octaves: int = 4) -> NDArray[np.float32]:
        """A curve over the width between about -1 and 1 with that many waves."""
        curve = np.zeros(self.width, dtype=np.float32)
        for octave in range(octaves):
            knots = max(3, round(waves * 2**octave) + 3)
            coarse = self.rng.uniform(-1, 1, (1, knots)).astype(np.float32)
            smooth = Image.fromarray(coarse).resize((self.width, 1), Image.Resampling.BICUBIC)
            curve += np.asarray(smooth)[0] * 0.5**octave
        return curve / (2 - 0.5 ** (octaves - 1)) * 1.3

    def blend(self, colour: ArrayLike, cover: NDArray[Any], first: int = 0) -> None:
        """Paint in one colour, or one for each pixel, as opaque as `cover`, from a row on."""
        go_on()
        area = self.pixels[first : first + len(cover)]
        area += (np.asarray(colour, np.float32) - area) * cover[..., None]

    def mirrored(self, row: int, across: float, down: float) -> NDArray[np.float32]:
        """The blurred reflection below that row."""
        above = self.pixels[max(0, 2 * row - self.height) : row][::-1]
        reach = self.unit * across, self.unit * down
        return np.asarray(to_image(above).filter(ImageFilter.BoxBlur(reach)), np.float32)

    def shade(self, part: NDArray[Any]) -> None:
        """Darken each pixel by a part."""
        self.pixels *= (1 - part)[..., None]

    def land(
        self,
        ridge: NDArray[Any],
        upper: Colour,
        lower: Colour,
        *,
        depth: float | None = None,
        haze: float = 0.0,
        mottle: float = 0.04,
        cell: float | None = None,
    ) -> None:
        """Paint everything below a ridge, of which each column's height is given.

        In daylight `upper` turns into `lower` within `depth` pixels; `haze` (0 to 1) is how far
        it fades into the distance, `mottle` how uneven it is, with spots of `cell` pixels.
        """
        first = int(max(0, np.floor(ridge.min()) - 1))
        if first >= self.height:
            return
        top = mix(lit(upper, self.light.ambient), self.light.haze, haze)
        bottom = mix(lit(lower, self.light.ambient), self.light.haze, haze * 0.8)
        below = self.rows[first:] - ridge
        part = np.clip(below / (depth or self.height * 0.3), 0, 1)[..., None]
        colour = np.asarray(top, np.float32) * (1 - part) + np.asarray(bottom, np.float32) * part
        if mottle:
            spots = self.noise(cell or self.unit * 0.05, height=self.height - first)
            colour *= 1 + mottle * (1 - haze) * spots[..., None]
        if "paper" in self.idea.styles:
            # Stacked sheets of paper: each casts a soft shadow on those behind it.
            near = np.clip(1 + below / (self.unit * 0.018), 0, 1) * (below < 0)
            self.pixels[first:] *= 1 - 0.30 * (near**2)[..., None]
        self.blend(colour, np.clip(below + 0.5, 0, 1), first)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Add light around a point."""
        left, right = int(max(0, x - 3 * radius)), int(min(self.width, x + 3 * radius))
        top, bottom = int(max(0, y - 3 * radius)), int(min(self.height, y + 3 * radius))
        if left >= right or top >= bottom:
            return
        rows, columns = self.rows[top:bottom] - y, self.columns[left:right] - x
        halo = np.exp(-(rows**2 + columns**2) / (radius * radius))[..., None] * strength
        area = self.pixels[top:bottom, left:right]
        # Screen, not add: light never burns out to flat white.
        area += (255 - area) * halo * (np.asarray(colour, np.float32) / 255)

    def land_layer(
        self,
        ridge: NDArray[Any],
        upper: Colour,
        lower: Colour,
        at: float,
        *,
        edge: float = 0.5,
        paint: Callable[[], None] = lambda: None,
        **options: float,
    ) -> None:
        """Like `land`, but in a layer of the depth `at`, which hides everything behind it.

        It begins to show `edge` pixels above the ridge; `paint` adds to the pixels before that
        part of them is cut out.
        """
        kept, self.pixels = self.pixels, self.pixels.copy()
        self.land(ridge, upper, lower, **options)
        paint()
        first = max(0, int(ridge.min()) - 2)
        cover = np.clip(self.rows[first:] - ridge + edge, 0, 1)
        self.put(veil(self.pixels[first:], cover), 0, first, at)
        self.pixels = kept

    def reserve(self, **zones: tuple[float, float]) -> None:
        """Set `ground`, `back` or `water`, each as two parts of the height."""
        for name, (upper, lower) in zones.items():
            setattr(self, name, (self.height * upper, self.height * lower))

    def put(  # noqa: PLR0917  # the fields of a layer, in their order
        self,
        image: Image.Image,
        x: float,
        y: float,
        depth: float,
        motion: str = "still",
        reach: float = 0.0,
        phase: float = 0.0,
    ) -> None:
        """Lay a picture on the stage, with its upper left corner at a point; see `Layer`."""
        self.layers.append(Layer(image, x, y, depth, motion, reach, phase))

    def stand(
        self, image: Image.Image, x: float, foot: float, depth: float | None = None, *motion: Any
    ) -> None:
        """Put a picture with the middle of its lower edge at a point."""
        depth = foot if depth is None else depth
        self.put(image, x - image.width / 2, foot - image.height, depth, *motion)

    def shine(self, image: Image.Image, x: float, y: float, depth: float) -> None:
        """Put a twinkling picture with its middle at a point."""
        self.stand(image, x, y + image.height / 2, depth, "twinkle")
