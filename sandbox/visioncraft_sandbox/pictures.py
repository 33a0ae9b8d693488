"""Pictures from the host behind ``--images`` if there is one, otherwise from the engines here."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial

from PIL import Image, ImageOps

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends.images import Made, Order
from visioncraft_sandbox.disconnects import unless_gone
from visioncraft_sandbox.engines.parameters import (
    parameters_text,
    read_parameters,
    to_png,
)
from visioncraft_sandbox.operations import Job
from visioncraft_sandbox.workshop import DRAWING, REWORK


async def drawn(job: Job, order: Order) -> Made:
    """Pictures from words, as PNG with their generation text.

    Raises:
        Refusal: If the host fails.
    """
    workshop = job.services.workshop
    host = await job.services.backends.images()
    if host is None:
        files = [await workshop.work(partial(_draw, order, index)) for index in range(order.count)]
        return Made(files, DRAWING)
    made = await unless_gone(job.request, host.draw(order))
    finish = partial(_fitted, size=(order.width, order.height))
    return replace(made, files=[await workshop.work(partial(finish, file)) for file in made.files])


def _draw(order: Order, index: int) -> bytes:
    # Imported at the first picture: the artwork makes it slow, and a sandbox starts fast.
    from visioncraft_sandbox.engines import drawing  # noqa: PLC0415

    image = drawing.draw(
        order.prompt,
        width=order.width,
        height=order.height,
        negative_prompt=order.negative_prompt,
        index=index,
        style=order.model,
    )
    return to_png(image, parameters=_parameters(order))


def _parameters(order: Order) -> str:
    sampler = order.sampler
    if sampler and order.scheduler:
        sampler = f"{sampler} ({order.scheduler})"
    return parameters_text(
        order.prompt,
        negative_prompt=order.negative_prompt,
        model=order.model,
        sampler=sampler,
        steps=order.steps,
        cfg_scale=order.cfg_scale,
        width=order.width,
        height=order.height,
    )


@dataclass(frozen=True)
class Sources:
    """What a picture is reworked from: the picture, and where it may change."""

    image: Image.Image
    mask: Image.Image | None = None


async def reworked(job: Job, order: Order, sources: Sources) -> Made:
    """A picture changed by words, of the order's size; outside the mask it stays as it is.

    Raises:
        Refusal: If the host fails.
    """
    workshop = job.services.workshop
    host = await job.services.backends.images()
    if host is None:
        return Made([await workshop.work(partial(_rework, order, sources))], REWORK)
    prepared = await workshop.work(partial(_prepared, order, sources))
    made = await unless_gone(job.request, host.draw(prepared))
    finish = partial(_within_mask, made.files[0], order, sources)
    return replace(made, files=[await workshop.work(finish)])


def _rework(order: Order, sources: Sources) -> bytes:
    from visioncraft_sandbox.engines import rework  # noqa: PLC0415  # as above

    result = rework.rework(
        _sized(sources.image, order),
        order.prompt,
        negative_prompt=order.negative_prompt,
        strength=order.strength,
        mask=sources.mask,
    )
    return to_png(result, parameters=_parameters(order))


def _sized(image: Image.Image, order: Order) -> Image.Image:
    if image.size == (order.width, order.height):
        return image
    return image.convert("RGB").resize((order.width, order.height), Image.Resampling.LANCZOS)


def _prepared(order: Order, sources: Sources) -> Order:
    """The order with its pictures as the host takes them: of the same size, in PNG."""
    size = order.latent_size
    source = sources.image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    mask = None
    if sources.mask is not None:
        cover = sources.mask.convert("L").resize(size, Image.Resampling.BILINEAR)
        mask = _png(cover.convert("RGB"))
    return replace(order, source=_png(source), mask=mask)


def _within_mask(data: bytes, order: Order, sources: Sources) -> bytes:
    fitted = _fitted(data, size=(order.width, order.height))
    if sources.mask is None and not sources.image.has_transparency_data:
        return fitted
    # Decoding latent pixels changes all of them a little, also those outside the mask.
    with Image.open(io.BytesIO(fitted)) as made:
        result = made.convert("RGB")
        source = _sized(sources.image, order)
        if sources.mask is not None:
            cover = sources.mask.convert("L").resize(result.size, Image.Resampling.BILINEAR)
            result = Image.composite(result, source.convert("RGB"), cover)
        if source.has_transparency_data:
            result.putalpha(source.convert("RGBA").getchannel("A"))
        return _png(result, made)


async def enlarged(job: Job, image: Image.Image, factor: int, model: str | None = None) -> Made:
    """The same picture, 2 or 4 times as wide and high.

    Raises:
        Refusal: 400 if it would be too large, 503 if nothing here can do it.
    """
    services = job.services
    size = image.width * factor, image.height * factor
    most = services.config.max_pixels
    if size[0] * size[1] > most:
        raise Refusal(400, f"The result would have more than {most:,} pixels.")
    host = await services.backends.images()
    if host is not None:
        flat = await services.workshop.work(partial(_png, image.convert("RGB")))
        made = await unless_gone(job.request, host.upscale(flat, size, model))
        if made is not None:
            finish = partial(_enlarged_there, made.files[0], image, size)
            return replace(made, files=[await services.workshop.work(finish)])
    upscaler = services.workshop.upscaler()

    def work() -> bytes:
        return _png(upscaler.upscale(image, 4 if factor == 4 else 2), image)

    return Made([await services.workshop.work(work)], upscaler.name)


def _enlarged_there(data: bytes, source: Image.Image, size: tuple[int, int]) -> bytes:
    with Image.open(io.BytesIO(_fitted(data, size=size))) as opened:
        result = opened.convert("RGB")
    if source.has_transparency_data:
        alpha = source.convert("RGBA").getchannel("A")
        result.putalpha(alpha.resize(size, Image.Resampling.BICUBIC))
    return _png(result, source)


def _fitted(data: bytes, *, size: tuple[int, int]) -> bytes:
    """A host's picture as PNG of exactly this size; what is too much is cut off evenly.

    Raises:
        Refusal: 502 if it is no picture.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.load()
            if opened.size == size and opened.format == "PNG":
                return data
            fitted = ImageOps.fit(opened.convert("RGB"), size, Image.Resampling.LANCZOS)
            return _png(fitted, opened)
    except (OSError, SyntaxError, ValueError) as error:
        raise Refusal(502, "The host of pictures gave something else than a picture.") from error


def _png(image: Image.Image, origin: Image.Image | None = None) -> bytes:
    """The picture as PNG, with the generation text of the one that it was made of."""
    text = read_parameters(origin) if origin is not None else None
    return to_png(image, parameters=text or "")
