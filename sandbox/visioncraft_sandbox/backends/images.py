"""Hosts of pictures: what they offer, what is requested, and what they return.

Samplers have three spellings: Automatic1111 writes ``DPM++ 2M Karras``, ComfyUI ``dpmpp_2m`` with
``karras``, and the documents of image to image ``KarrasDPM``, the name in diffusers.
"""

from __future__ import annotations

import abc
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from typing import Any, Self

from visioncraft_sandbox.backends.connection import BackendError, Connection, closest

DEFAULT_STEPS = 30
DEFAULT_CFG_SCALE = 7.0
GRID = 8
"""In pixels: sides of latent pictures are multiples of it."""

_REMEMBERED_SECONDS = 30.0

_FILE = resources.files(__package__).joinpath("samplers.toml")
_NAMES: dict[str, Any] = tomllib.loads(_FILE.read_text("utf-8"))
_KEYS = {label.lower(): key for key, label in _NAMES["labels"].items()}


@dataclass(frozen=True)
class Offered:
    """The names on a host.

    `schedulers` is empty where the samplers' names include them; `loaded` is the default model.
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
        """The upscaling model for a name, or the best one for most pictures."""
        found = closest(asked, self.upscalers) if asked else None
        for part in ("r-esrgan 4x+", "realesrgan", "esrgan", "ultrasharp", "swinir", "4x", "2x"):
            for name in self.upscalers if found is None else ():
                if part in name.lower() and "anime" not in name.lower():
                    return name
        return found


@dataclass(frozen=True)
class ImageSpec:
    """One request for pictures.

    `model`, `sampler` and `scheduler` are documented names or some of the host's.
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
    loras: Mapping[str, float] = field(default_factory=dict)  # weights by name
    source: bytes | None = None  # a PNG to start from
    mask: bytes | None = None  # a PNG of the source's size, white where to repaint
    strength: float = 1.0  # how much of the source to change, 0 to 1
    seed: int | None = None

    @classmethod
    def of(cls, request: Any, **changes: Any) -> Self:
        """The fields of a request that have the same names, and changes to them."""
        given = {each.name: getattr(request, each.name, None) for each in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value is not None} | changes)

    @property
    def latent_size(self) -> tuple[int, int]:
        """The width and height that the host can make, not smaller than requested."""
        return -(-self.width // GRID) * GRID, -(-self.height // GRID) * GRID


@dataclass(frozen=True)
class ImageResult:
    """Pictures, and the engine that made them."""

    files: list[bytes]
    engine: str


class ImageHost(abc.ABC):
    """A host of pictures; `model` is the checkpoint for every request, if given."""

    def __init__(self, connection: Connection, model: str | None) -> None:
        self.connection = connection
        self._model = model
        self._offered: Offered | None = None
        self._asked_at = 0.0

    async def open(self) -> None:
        """Read the lists; raises `BackendError` if the checkpoint is missing, or there is none."""
        offered = await self.offered()
        if self._model is not None and closest(self._model, offered.models) is None:
            known = ", ".join(offered.models[:10]) or "none"
            raise BackendError(
                f"{self.connection.address} has no model {self._model!r}; it has {known}."
            )
        if not offered.models:
            raise BackendError(
                f"{self.connection.address} has no models: install a checkpoint there."
            )

    async def offered(self) -> Offered:
        """The names on the host, read again after half a minute."""
        now = time.monotonic()
        if self._offered is None or now - self._asked_at > _REMEMBERED_SECONDS:
            with self.connection.reading():
                self._offered = await self.read_offered()
            self._asked_at = now
        return self._offered

    def model_for(self, spec: ImageSpec, offered: Offered) -> str | None:
        """The checkpoint for a request."""
        return offered.model_for(self._model or spec.model)

    @abc.abstractmethod
    async def read_offered(self) -> Offered:
        """Ask the host for its names."""

    @abc.abstractmethod
    async def draw(self, spec: ImageSpec) -> ImageResult:
        """Make pictures from words, or from a picture and words; cancelling stops the host, too."""

    @abc.abstractmethod
    async def upscale(
        self, png: bytes, size: tuple[int, int], model: str | None
    ) -> ImageResult | None:
        """Enlarge a picture to this size; ``None`` if the host has no upscaler."""


def choose(name: str | None, scheduler: str | None, offered: Offered) -> tuple[str, str | None]:
    """The host's own sampler and scheduler for names in any of the spellings.

    A sampler's name may end with a scheduler; ``None`` is Euler. A scheduler of ``None`` leaves
    the choice to the host.
    """
    samplers, schedulers = offered.samplers, offered.schedulers
    if name in samplers:
        return str(name), _schedule(scheduler, schedulers)
    key, own = _parts(name or "euler")
    wanted = scheduler or own
    for candidate in (key, *_NAMES["substitutes"].get(key, ()), "euler"):
        label = _NAMES["labels"].get(candidate, candidate)
        with_schedule = f"{label} {(wanted or '').title()}"
        for spelling in (with_schedule, candidate, label):
            if spelling in samplers:
                return spelling, _schedule(wanted, schedulers)
    return (samplers[0] if samplers else "Euler"), _schedule(wanted, schedulers)


def _parts(name: str) -> tuple[str, str | None]:
    plain = name.strip().lower()
    if plain in _NAMES["diffusers"]:
        sampler, _, schedule = _NAMES["diffusers"][plain].partition(" ")
        return sampler, schedule or None
    for schedule in _NAMES["schedules"]:
        ending = " " + schedule.replace("_", " ")
        if plain.endswith(ending):
            plain = plain.removesuffix(ending)
            return _KEYS.get(plain, plain), schedule
    return _KEYS.get(plain, plain), None


def _schedule(wanted: str | None, offered: Sequence[str]) -> str | None:
    if wanted is None:
        return None
    known = {name.lower().replace(" ", "_"): name for name in offered}
    plain = wanted.lower().replace(" ", "_")
    for candidate in (plain, *_NAMES["schedule_substitutes"].get(plain, ())):
        if candidate in known:
            return known[candidate]
    return None
