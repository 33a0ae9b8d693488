"""What a host of pictures offers, and what it is asked for."""

from __future__ import annotations

import abc
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from visioncraft_sandbox.backends.connection import BackendError, Connection
from visioncraft_sandbox.backends.names import closest

DEFAULT_STEPS = 30
DEFAULT_CFG_SCALE = 7.0
GRID = 8
"""Sides of latent pictures are multiples of this many pixels."""

_REMEMBERED_SECONDS = 30.0


@dataclass(frozen=True)
class Offered:
    """The names on a host.

    Attributes:
        models: Checkpoints.
        samplers: Samplers.
        schedulers: Schedulers; none where samplers carry them in their names.
        loras: LoRAs.
        upscalers: Upscaling models.
        loaded: The checkpoint that is used if none is named.
    """

    models: tuple[str, ...] = ()
    samplers: tuple[str, ...] = ()
    schedulers: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    upscalers: tuple[str, ...] = ()
    loaded: str | None = None

    def model_for(self, asked: str | None) -> str | None:
        """The checkpoint for a documented name: the same, one of its family, or the loaded one."""
        found = closest(asked, self.models) if asked else None
        if found is None and asked and "xl" in asked.lower():
            family = [name for name in self.models if "xl" in name.lower()]
            loaded = self.loaded if self.loaded in family else None
            found = loaded or next(iter(family), None)
        return found or self.loaded or next(iter(self.models), None)

    def upscaler_for(self, asked: str | None) -> str | None:
        """The upscaling model for a name, or the one that does well with most pictures."""
        found = closest(asked, self.upscalers) if asked else None
        for part in ("r-esrgan 4x+", "realesrgan", "esrgan", "ultrasharp", "swinir", "4x", "2x"):
            for name in self.upscalers if found is None else ():
                if part in name.lower() and "anime" not in name.lower():
                    return name
        return found


@dataclass(frozen=True)
class Order:
    """One request for pictures.

    Attributes:
        prompt: What to draw.
        width: In pixels.
        height: In pixels.
        negative_prompt: What not to draw.
        count: How many pictures.
        model: A name of the documents or of the host; likewise the sampler and the scheduler.
        sampler: See above.
        scheduler: See above.
        steps: Refinement steps; 30 if the request cannot say.
        cfg_scale: Guidance; 7 if the request cannot say.
        loras: Weights by name.
        source: A PNG to start from.
        mask: A PNG, white where to repaint, of the same size as the source.
        strength: How much of the source to change, 0 to 1.
    """

    prompt: str
    width: int
    height: int
    negative_prompt: str | None = None
    count: int = 1
    model: str | None = None
    sampler: str | None = None
    scheduler: str | None = None
    steps: int | None = None
    cfg_scale: float | None = None
    loras: Mapping[str, float] = field(default_factory=dict)
    source: bytes | None = None
    mask: bytes | None = None
    strength: float = 1.0

    @property
    def latent_size(self) -> tuple[int, int]:
        """Width and height as the host can make them: not smaller than what was asked."""
        return -(-self.width // GRID) * GRID, -(-self.height // GRID) * GRID


@dataclass(frozen=True)
class Made:
    """Pictures, and what made them."""

    files: list[bytes]
    engine: str


class ImageHost(abc.ABC):
    """A host of pictures.

    Args:
        connection: The way to it.
        model: The checkpoint to use whatever was asked for.
    """

    def __init__(self, connection: Connection, model: str | None) -> None:
        self.connection = connection
        self._model = model
        self._offered: Offered | None = None
        self._asked_at = 0.0

    async def open(self) -> None:
        """Read the lists once.

        Raises:
            BackendError: If the checkpoint that is always to be used is not there, or none is.
        """
        offered = await self.offered()
        if self._model is not None and closest(self._model, offered.models) is None:
            known = ", ".join(offered.models[:10]) or "none"
            msg = f"{self.connection.address} has no model {self._model!r}; it has {known}."
            raise BackendError(msg)
        if not offered.models:
            msg = f"{self.connection.address} has no models: install a checkpoint there."
            raise BackendError(msg)

    async def offered(self) -> Offered:
        """The names on the host, read again after half a minute.

        Raises:
            Refusal: If the host does not answer.
        """
        now = time.monotonic()
        if self._offered is None or now - self._asked_at > _REMEMBERED_SECONDS:
            self._offered = await self.read_offered()
            self._asked_at = now
        return self._offered

    def model_for(self, order: Order, offered: Offered) -> str | None:
        """The checkpoint for an order."""
        return offered.model_for(self._model or order.model)

    @abc.abstractmethod
    async def read_offered(self) -> Offered:
        """Ask the host for its names."""

    @abc.abstractmethod
    async def draw(self, order: Order) -> Made:
        """Make pictures from words, or from a picture and words.

        A cancelled order is also ended on the host.

        Raises:
            Refusal: If the host fails.
        """

    @abc.abstractmethod
    async def upscale(self, png: bytes, size: tuple[int, int], model: str | None) -> Made | None:
        """Enlarge a picture.

        Args:
            png: The picture.
            size: Width and height of the result.
            model: The upscaler's name, if one was asked for.

        Returns:
            The picture; ``None`` if the host has no upscaler.
        """
