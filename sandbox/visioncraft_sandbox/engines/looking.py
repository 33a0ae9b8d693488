"""A picture, and what is known of it: seen, read, measured, and stored in its file."""

from __future__ import annotations

from functools import cached_property

from PIL import Image

from visioncraft_sandbox.engines.colours import is_coloured, light, palette
from visioncraft_sandbox.engines.eyes import Eyes
from visioncraft_sandbox.engines.labels import meanings_of, words
from visioncraft_sandbox.engines.parameters import read_drawn, read_parameters, split_parameters
from visioncraft_sandbox.engines.sight import Sight, Thing, look

_SIDE = 1280  # pixels; models look at larger pictures scaled down


class Looked:
    """A picture that is looked at as far as it is asked about.

    Args:
        image: As opened from its file.
        eyes: The models; without them only measurements and the file's own text are there.
    """

    def __init__(self, image: Image.Image, eyes: Eyes | None) -> None:
        self.image = image
        self._eyes = eyes

    @cached_property
    def rgb(self) -> Image.Image:
        """The picture in RGB, not too large, transparent pixels on white, as on a page."""
        small = self.image.copy()
        small.thumbnail((_SIDE, _SIDE))
        if small.has_transparency_data:
            layered = small.convert("RGBA")
            small = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
        return small.convert("RGB")

    @property
    def looks(self) -> bool:
        """Whether models look at it: not at the sandbox's own drawings, which it knows."""
        return self._eyes is not None and not self.setting

    @cached_property
    def sight(self) -> Sight:
        """What is seen."""
        return look(self.rgb, self._eyes) if self._eyes is not None and self.looks else Sight()

    @cached_property
    def lines(self) -> list[str]:
        """The text that stands in the picture."""
        return self._eyes.read(self.rgb) if self._eyes is not None and self.looks else []

    @cached_property
    def drawn(self) -> list[Thing]:
        """What the sandbox drew, if it made the picture."""
        names, _ = read_drawn(self.image)
        return [
            Thing(name, words().with_parents({name, *meanings_of(name.split()[-1])}))
            for name in names
        ]

    @property
    def setting(self) -> str:
        """The place and the hour of a drawing of the sandbox."""
        return read_drawn(self.image)[1]

    @cached_property
    def stored(self) -> tuple[str, str]:
        """The prompt and the settings in the file; empty if there are none."""
        text = read_parameters(self.image) or ""
        prompt, settings = split_parameters(text) if text else ("", "")
        return " ".join(prompt.split()), " ".join(settings.split()).rstrip(".")

    @cached_property
    def colours(self) -> list[str]:
        """The main colours, the most frequent first."""
        return palette(self.rgb)

    @cached_property
    def is_coloured(self) -> bool:
        """Whether it has other colours than greys."""
        return is_coloured(self.rgb)

    @cached_property
    def light(self) -> tuple[float, float]:
        """Mean brightness and contrast, from 0 to 1."""
        return light(self.rgb)

    @property
    def things(self) -> list[Thing]:
        """All that may be claimed: drawn, or seen as an object, as a whole, or as a place."""
        seen = self.sight
        found = [*self.drawn, *seen.sure, *([seen.whole] if seen.whole else [])]
        if seen.scene:
            name = seen.scene.removeprefix("a ").removeprefix("the ")
            kinds = {name, *meanings_of(name.split()[-1])}
            found.append(Thing(name, words().with_parents(kinds)))
        return found
