"""The stage of a scene: pixels, light, layers, and the brushes that all landscapes share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from visioncraft_sandbox.engines.reading import Idea

Colour = tuple[float, float, float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Light:
    """The colours of an hour.

    Attributes:
        top: The sky overhead.
        middle: The sky half way down.
        low: The sky at the horizon.
        glow: Sun or moon.
        ambient: What things' own colours are multiplied by, 0 to 1.
        haze: What distant things fade into.
    """

    top: Colour
    middle: Colour
    low: Colour
    glow: Colour
    ambient: Colour
    haze: Colour


_LIGHTS: Final[dict[str, Light]] = {
    "day": Light(
        (74, 150, 220), (146, 204, 240), (236, 244, 236), (255, 246, 206), (1, 1, 1),
        (214, 232, 240),
    ),
    "dawn": Light(
        (126, 156, 214), (244, 188, 190), (255, 230, 184), (255, 236, 190), (1, 0.95, 0.92),
        (250, 214, 198),
    ),
    "sunset": Light(
        (78, 76, 148), (236, 128, 112), (255, 210, 128), (255, 226, 150), (0.98, 0.86, 0.80),
        (250, 174, 132),
    ),
    "dusk": Light(
        (40, 46, 108), (126, 90, 156), (242, 160, 142), (255, 220, 190), (0.76, 0.72, 0.86),
        (176, 124, 160),
    ),
    "night": Light(
        (10, 18, 54), (26, 44, 100), (78, 102, 160), (250, 244, 216), (0.60, 0.66, 0.88),
        (62, 82, 140),
    ),
}  # fmt: skip


def mix(one: Colour, two: Colour, part: float) -> Colour:
    """The colour ``part`` of the way from ``one`` to ``two``."""
    return (
        one[0] + (two[0] - one[0]) * part,
        one[1] + (two[1] - one[1]) * part,
        one[2] + (two[2] - one[2]) * part,
    )


def lit(colour: Colour, ambient: Colour) -> Colour:
    """A thing's colour in that light."""
    return (colour[0] * ambient[0], colour[1] * ambient[1], colour[2] * ambient[2])


def rgb(colour: Colour) -> tuple[int, int, int]:
    """The colour in whole numbers, as Pillow takes it."""
    return (int(colour[0]), int(colour[1]), int(colour[2]))


def to_image(pixels: NDArray[Any]) -> Image.Image:
    """A picture of an array whose values may lie beyond 0 to 255."""
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def veil(colour: Colour | NDArray[np.float32], cover: NDArray[Any]) -> Image.Image:
    """An RGBA picture in one colour, or in one for each pixel, as opaque as `cover` (0 to 1)."""
    tone = np.empty((*cover.shape, 4), np.float32)
    tone[..., :3] = colour
    tone[..., 3] = cover * 255
    return to_image(tone)


def halo(size: float, colour: Colour, strength: int, *, fall: float) -> Image.Image:
    """A spot of light that fades towards its edge."""
    wide = max(8, int(size))
    rows, columns = np.mgrid[0:wide, 0:wide].astype(np.float32) / wide * 2 - 1
    return veil(colour, strength / 255 * np.clip(1 - np.hypot(rows, columns), 0, 1) ** fall)


def halved(sheet: Image.Image) -> Image.Image:
    """A picture that was drawn twice as large, which smooths its edges."""
    return sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.BOX)


def light_of(idea: Idea) -> Light:
    """The light of an idea: its hour, dimmed by its weather, leaning to its colour."""
    light = _LIGHTS[idea.hour]
    gloom: tuple[Colour, float, float] | None = None
    if "storm" in idea.weather:
        gloom = (22, 30, 52) if idea.hour == "night" else (72, 84, 104), 0.62, 0.84
    elif "rain" in idea.weather or "clouds" in idea.weather:
        gloom = (34, 44, 74) if idea.hour == "night" else (142, 158, 176), 0.42, 0.93
    elif "fog" in idea.weather:
        gloom = (70, 84, 116) if idea.hour == "night" else (216, 220, 222), 0.55, 0.95
    if gloom is not None:
        colour, part, dim = gloom
        light = Light(
            mix(light.top, colour, part),
            mix(light.middle, colour, part),
            mix(light.low, mix(colour, (235, 235, 235), 0.25), part * 0.8),
            light.glow,
            mix(lit(light.ambient, (dim, dim, dim)), (0.8, 0.86, 0.94), 0.15),
            mix(light.haze, mix(colour, (235, 235, 235), 0.2), part),
        )
    if idea.accent is not None:
        accent = idea.accent
        light = Light(
            mix(light.top, accent, 0.55),
            mix(light.middle, mix(accent, (255, 255, 255), 0.25), 0.55),
            mix(light.low, mix(accent, (255, 250, 240), 0.55), 0.5),
            light.glow,
            mix(light.ambient, (accent[0] / 255, accent[1] / 255, accent[2] / 255), 0.22),
            mix(light.haze, mix(accent, (255, 255, 255), 0.4), 0.5),
        )
    return light


@dataclass
class Layer:
    """A picture that lies on the stage and may move.

    Attributes:
        image: RGBA.
        x: Left edge in pixels.
        y: Upper edge in pixels.
        depth: Layers with a greater depth lie further in front.
        motion: still, drift, bob, sway, hop, scroll (by ``reach`` pixels to the left in one
            loop), or twinkle.
        reach: How far it moves, in pixels.
        phase: Where in the loop it starts, 0 to 1.
    """

    image: Image.Image
    x: float
    y: float
    depth: float
    motion: str = "still"
    reach: float = 0.0
    phase: float = 0.0


@dataclass(frozen=True)
class Placed:
    """Where a thing of this name was put: left, top, right and bottom in pixels."""

    name: str
    box: Box
    turned: bool


@dataclass
class Stage:
    """A scene while it is painted.

    Attributes:
        idea: What is painted.
        width: In pixels.
        height: In pixels.
        light: The hour's colours.
        rng: The only source of randomness.
        pixels: The background, height x width x 3, 0 to 255.
        layers: What lies on the background.
        horizon: The horizon in pixels from above.
        ground: The upper and lower end of the ground; None if there is none.
        back: Where buildings stand.
        water: Where boats float.
        span: Left and right bounds of the ground, as parts of the width.
        sun: Where the sun or moon stands, in pixels.
        scenery: How many of the layers belong to the landscape; the rest are subjects and air.
        lift: Added to the depth of things on the ground.
        placed: The subjects, each with its box and whether it was turned around.
    """

    idea: Idea
    width: int
    height: int
    light: Light
    rng: np.random.Generator
    pixels: NDArray[np.float32]
    layers: list[Layer] = field(default_factory=list)
    horizon: float = 0.0
    ground: tuple[float, float] | None = None
    back: tuple[float, float] | None = None
    water: tuple[float, float] | None = None
    span: tuple[float, float] = (0.04, 0.96)
    sun: tuple[float, float] = (0.0, 0.0)
    scenery: int = 0
    lift: float = 0.0
    placed: list[Placed] = field(default_factory=list)

    def bake(self, image: Image.Image, x: float, y: float) -> None:
        """Paint an RGBA picture into the background, behind everything painted later."""
        left, top = round(x), round(y)
        upper, lower = max(0, top), min(self.height, top + image.height)
        first, last = max(0, left), min(self.width, left + image.width)
        if upper >= lower or first >= last:
            return
        part = image.crop((first - left, upper - top, last - left, lower - top))
        pixels = np.asarray(part, np.float32)
        area = self.pixels[upper:lower, first:last]
        area += (pixels[..., :3] - area) * (pixels[..., 3:] / 255)

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

    def noise(
        self, cell: float, width: int | None = None, height: int | None = None
    ) -> NDArray[np.float32]:
        """Smooth noise around 0 whose spots are about ``cell`` pixels wide."""
        width, height = width or self.width, height or self.height
        size = (max(2, round(width / cell) + 1), max(2, round(height / cell) + 1))
        coarse = self.rng.standard_normal((size[1], size[0])).astype(np.float32)
        smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(smooth, dtype=np.float32)

    def line(self, waves: float, *, rough: float = 0.5, octaves: int = 4) -> NDArray[np.float32]:
        """A curve over the width between about -1 and 1 with that many waves."""
        curve = np.zeros(self.width, dtype=np.float32)
        total, strength = 0.0, 1.0
        for octave in range(octaves):
            knots = max(3, round(waves * 2**octave) + 3)
            coarse = self.rng.uniform(-1, 1, (1, knots)).astype(np.float32)
            smooth = Image.fromarray(np.repeat(coarse, 2, axis=0)).resize(
                (self.width, 2), Image.Resampling.BICUBIC
            )
            curve += np.asarray(smooth, dtype=np.float32)[0] * strength
            total += strength
            strength *= rough
        return curve / total * 1.3

    def land(
        self,
        ridge: NDArray[np.float32],
        upper: Colour,
        lower: Colour,
        *,
        depth: float | None = None,
        haze: float = 0.0,
        mottle: float = 0.04,
        cell: float | None = None,
    ) -> None:
        """Paint everything below a ridge.

        Args:
            ridge: The ridge's height in every column, in pixels from above.
            upper: Colour at the ridge, in daylight.
            lower: Colour further down.
            depth: Over how many pixels the one turns into the other.
            haze: How far it fades into the distance, 0 to 1.
            mottle: How uneven the colour is.
            cell: The size of the spots.
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
        target = self.pixels[first:]
        if "paper" in self.idea.styles:
            # Sheets of paper lie on each other: each throws a soft shadow on what is behind.
            soft = self.unit * 0.018
            near = np.clip(1 + below / soft, 0, 1) * (below < 0)
            target *= 1 - 0.30 * (near**2)[..., None]
        cover = np.clip(below + 0.5, 0, 1)[..., None]
        target += (colour - target) * cover

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
        ridge: NDArray[np.float32],
        upper: Colour,
        lower: Colour,
        at: float,
        *,
        edge: float = 0.5,
        paint: Callable[[NDArray[np.float32]], None] | None = None,
        **options: float,
    ) -> None:
        """As `land`, but in a layer of the depth `at`, which hides what stands behind it.

        It begins to show `edge` pixels above the ridge; `paint` adds to it before it is cut out.
        """
        kept, self.pixels = self.pixels, self.pixels.copy()
        self.land(ridge, upper, lower, **options)
        if paint is not None:
            paint(self.pixels)
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

    def stand(self, image: Image.Image, x: float, foot: float, depth: float | None = None) -> None:
        """Put a picture with the middle of its lower edge at a point."""
        depth = foot if depth is None else depth
        self.put(image, x - image.width / 2, foot - image.height, depth)
