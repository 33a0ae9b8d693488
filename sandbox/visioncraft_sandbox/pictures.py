"""Pictures from the host behind ``--images``, or from the sandbox's own engines."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from math import prod

from PIL import Image, ImageOps

from langchain_visioncraft.media.inspection import type_of
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.backends.images import ImageResult, ImageSpec
from visioncraft_sandbox.engine_pool import DRAWING, REWORK
from visioncraft_sandbox.engines.parameters import parameters_text, read_parameters, to_png
from visioncraft_sandbox.operations import Job
from visioncraft_sandbox.uploads import opened

_FORMATS = frozenset({"image/png", "image/jpeg", "image/webp"})
"""What hosts of pictures save. Pillow would run Ghostscript on some others."""

_NARROWEST = 20
"""What a narrower side counts for: to enlarge a tile, ten pixels around it are computed as well."""


async def drawn(job: Job, spec: ImageSpec) -> ImageResult:
    """Pictures from words, as PNG with their generation text."""
    pool = job.services.pool
    host = await job.services.backends.images()
    if host is None:
        files = [await pool.work(partial(_draw, spec, index)) for index in range(spec.count)]
        return ImageResult(files, DRAWING)
    with host.connection.reading():
        made = await host.draw(spec)
    most = job.services.config.max_pixels
    finish = partial(_fitted, size=(spec.width, spec.height), most=most)
    return replace(made, files=[await pool.work(partial(finish, file)) for file in made.files])


def _draw(spec: ImageSpec, index: int) -> bytes:
    # Imported at the first picture: the artwork is slow to import, and a sandbox starts fast.
    from visioncraft_sandbox.engines import drawing  # noqa: PLC0415

    image = drawing.draw(
        spec.prompt,
        width=spec.width,
        height=spec.height,
        negative_prompt=spec.negative_prompt,
        seed=spec.seed,
        index=index,
        style=spec.model,
    )
    return to_png(image, parameters=_parameters(spec))


def _parameters(spec: ImageSpec) -> str:
    sampler = spec.sampler
    if sampler and spec.scheduler:
        sampler = f"{sampler} ({spec.scheduler})"
    return parameters_text(**{**vars(spec), "sampler": sampler})


async def reworked(
    job: Job, spec: ImageSpec, image: Image.Image, mask: Image.Image | None = None
) -> ImageResult:
    """A picture edited from a text prompt, in the requested size, unchanged outside the mask."""
    pool = job.services.pool
    host = await job.services.backends.images()
    if host is None:
        return ImageResult([await pool.work(partial(_rework, spec, image, mask))], REWORK)
    prepared = await pool.work(partial(_prepared, spec, image, mask))
    with host.connection.reading():
        made = await host.draw(prepared)
    most = job.services.config.max_pixels
    finish = partial(_within_mask, made.files[0], spec, image, mask, most)
    return replace(made, files=[await pool.work(finish)])


def _rework(spec: ImageSpec, image: Image.Image, mask: Image.Image | None) -> bytes:
    from visioncraft_sandbox.engines import rework  # noqa: PLC0415  # as above

    result = rework.rework(
        _sized(image, spec),
        spec.prompt,
        negative_prompt=spec.negative_prompt,
        strength=spec.strength,
        mask=mask,
    )
    return to_png(result, parameters=_parameters(spec))


def _sized(image: Image.Image, spec: ImageSpec) -> Image.Image:
    if image.size == (spec.width, spec.height):
        return image
    return image.convert("RGB").resize((spec.width, spec.height), Image.Resampling.LANCZOS)


def _prepared(spec: ImageSpec, image: Image.Image, mask: Image.Image | None) -> ImageSpec:
    """The spec with its pictures in the form that the host takes: of the same size, in PNG."""
    source = image.convert("RGB").resize(spec.latent_size, Image.Resampling.LANCZOS)
    cover = None if mask is None else _png(_cover(mask, spec.latent_size).convert("RGB"))
    return replace(spec, source=_png(source), mask=cover)


def _cover(mask: Image.Image, size: tuple[int, int]) -> Image.Image:
    return mask.convert("L").resize(size, Image.Resampling.BILINEAR)


def _within_mask(
    data: bytes, spec: ImageSpec, image: Image.Image, mask: Image.Image | None, most: int
) -> bytes:
    fitted = _fitted(data, size=(spec.width, spec.height), most=most)
    if mask is None and not image.has_transparency_data:
        return fitted
    # Decoding latent pixels changes all of them a little, even outside the mask.
    with Image.open(io.BytesIO(fitted), formats=("PNG",)) as made:
        result = made.convert("RGB")
        source = _sized(image, spec)
        if mask is not None:
            result = Image.composite(result, source.convert("RGB"), _cover(mask, result.size))
        if source.has_transparency_data:
            result.putalpha(source.convert("RGBA").getchannel("A"))
        return _png(result, made)


async def enlarged(
    job: Job, image: Image.Image, factor: int, model: str | None = None
) -> ImageResult:
    """The same picture, 2 or 4 times as wide and high."""
    services = job.services
    size = image.width * factor, image.height * factor
    most = services.config.max_pixels
    counted = prod(max(side, _NARROWEST * factor) for side in size)
    if counted > most:
        raise Refusal(400, f"The result would have more than {most:,} pixels.")
    host = await services.backends.images()
    if host is not None:
        flat = await services.pool.work(partial(_png, image.convert("RGB")))
        with host.connection.reading():
            made = await host.upscale(flat, size, model)
        if made is not None:
            finish = partial(_finish_enlarged, made.files[0], image, size, most)
            return replace(made, files=[await services.pool.work(finish)])
    upscaler = await services.pool.load(services.pool.upscaler)

    def work() -> bytes:
        return _png(upscaler.upscale(image, 4 if factor == 4 else 2), image)

    return ImageResult([await services.pool.work(work)], upscaler.name)


def _finish_enlarged(data: bytes, source: Image.Image, size: tuple[int, int], most: int) -> bytes:
    fitted = _fitted(data, size=size, most=most)
    with Image.open(io.BytesIO(fitted), formats=("PNG",)) as made:
        result = made.convert("RGB")
    if source.has_transparency_data:
        alpha = source.convert("RGBA").getchannel("A")
        result.putalpha(alpha.resize(size, Image.Resampling.BICUBIC))
    return _png(result, source)


def _fitted(data: bytes, *, size: tuple[int, int], most: int) -> bytes:
    """A host's picture of up to `most` pixels as a PNG of exactly this size, cut evenly."""
    problem = "The host of pictures returned something other than a picture."
    if type_of(data) not in _FORMATS:
        raise Refusal(502, problem)
    try:
        picture = opened(data, "The picture", most)
        picture.load()
        if picture.size == size and picture.format == "PNG":
            return data
        fitted = ImageOps.fit(picture.convert("RGB"), size, Image.Resampling.LANCZOS)
        return _png(fitted, picture)
    except Refusal as refusal:
        raise Refusal(502, f"The host of pictures: {refusal.message}") from refusal
    except (OSError, SyntaxError, ValueError) as error:
        raise Refusal(502, problem) from error


def _png(image: Image.Image, origin: Image.Image | None = None) -> bytes:
    """The picture as PNG, with the generation text of the picture that it was made from."""
    return to_png(image, parameters=(origin and read_parameters(origin)) or "")
