"""Motion: a drawn scene as a looping GIF, and a film that pans over a picture."""

from __future__ import annotations

import io
import math
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visioncraft_sandbox.engines.drawing import set_stage
from visioncraft_sandbox.engines.finishing import apply_styles, flatten, frame_light
from visioncraft_sandbox.engines.reading import read
from visioncraft_sandbox.engines.stage import Box, to_image
from visioncraft_sandbox.engines.stopping import go_on

_LOOP: Final = 2400  # Milliseconds of one loop of a GIF
_LARGEST: Final = 2_000_000  # Bytes
# An ordered pattern: unlike error diffusion, it is stable where the picture does not move.
_BAYER: Final[NDArray[np.float32]] = np.asarray(
    [[-8, 0, -6, 2], [4, -4, 6, -2], [-5, 3, -7, 1], [7, -1, 5, -3]], np.float32
) / np.float32(16)


def animate(
    prompt: str,
    *,
    width: int = 512,
    height: int = 512,
    negative_prompt: str | None = None,
    seed: int | None = None,
    frames: int = 16,
    fps: int | None = None,
) -> bytes:
    """Draw a prompt as a GIF of less than 2 MB that loops seamlessly; for the arguments see `draw`.

    The loop has at least two frames. Default of `fps`: as many as make it 2.4 seconds long.
    """
    frames = max(2, frames)
    idea = read(prompt, negative_prompt=negative_prompt, seed=seed)
    stage = set_stage(idea, width, height)
    light = frame_light((width, height))
    pictures: list[Image.Image] = []
    for number in range(frames):
        go_on(number / frames)
        lit = np.asarray(flatten(stage, time=number / frames), np.float32) * light
        pictures.append(apply_styles(to_image(lit), idea.styles, idea.seed))
    colours = 128
    # GIF counts in hundredths of a second.
    delay = max(20, round((1000 / fps if fps else _LOOP / frames) / 10) * 10)
    data = _gif(pictures, colours, delay)
    while len(data) > _LARGEST and colours > 8:
        colours //= 2
        # Fewer colours first, then fewer pixels: fewer frames would look worst.
        if colours < 64:
            size = max(16, width * 4 // 5), max(16, height * 4 // 5)
            small = [picture.resize(size, Image.Resampling.BOX) for picture in pictures]
            pictures = [each.resize((width, height), Image.Resampling.NEAREST) for each in small]
        data = _gif(pictures, colours, delay)
    return data


def _gif(pictures: list[Image.Image], colours: int, delay: int) -> bytes:
    width, height = pictures[0].size
    # One palette for all frames, from four of them side by side.
    sample = Image.new("RGB", (width, height))
    for number in range(4):
        part = pictures[number * len(pictures) // 4].reduce(2)
        sample.paste(part, (number % 2 * (width // 2), number // 2 * (height // 2)))
    palette = sample.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    pattern = np.tile(_BAYER, (-(-height // 4), -(-width // 4)))[:height, :width, None]
    pattern = pattern * (1100 / max(colours, 1) ** 0.96)

    def dithered(picture: Image.Image) -> Image.Image:
        go_on()
        spotted = to_image(np.asarray(picture, np.float32) + pattern)
        return spotted.quantize(palette=palette, dither=Image.Dither.NONE)

    first, *others = map(dithered, pictures)
    buffer = io.BytesIO()
    options = {"duration": delay, "loop": 0, "optimize": False, "disposal": 1}
    first.save(buffer, format="GIF", save_all=True, append_images=others, **options)
    return buffer.getvalue()


def pan(image: Image.Image, size: tuple[int, int], *, frames: int = 16) -> bytes:
    """A GIF of this size that zooms slowly into a picture and out again."""
    source = _opaque(image)
    boxes = [_view(source.size, number / frames) for number in range(frames)]
    shown = [source.resize(size, Image.Resampling.BILINEAR, box=box) for box in boxes]
    return _gif(shown, 128, _LOOP // frames)


def film(image: Image.Image, *, seconds: float = 4.0, fps: int = 24, max_side: int = 768) -> bytes:
    """A film that zooms slowly into a picture and out again, and plays while it loads.

    It is an MP4 file (H.264, yuv420p), its longer side at most `max_side` pixels, both sides even.
    """
    source = _opaque(image)
    part = min(1.0, max_side / max(source.size))
    width, height = (max(16, round(side * part / 2) * 2) for side in source.size)
    # A quarter larger than the film: enough for the closest view, and quick to sample.
    nearest = min(source.width, round(1.2 * width)), min(source.height, round(1.2 * height))
    if nearest != source.size:
        source = source.resize(nearest, Image.Resampling.LANCZOS, reducing_gap=2.0)
    count = max(2, round(seconds * fps))
    # A real file: to move the index to the front ("faststart") FFmpeg opens its output again.
    with tempfile.TemporaryDirectory(prefix="visioncraft-") as folder:
        path = Path(folder, "film.mp4")
        with av.open(str(path), mode="w", options={"movflags": "+faststart"}) as container:
            stream = container.add_stream("libx264", rate=Fraction(fps))
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.options = {"preset": "superfast", "crf": "21"}
            for number in range(count):
                go_on(number / count)
                box = _view(source.size, number / count)
                picture = source.resize((width, height), Image.Resampling.BILINEAR, box=box)
                frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path.read_bytes()


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    with_alpha = image.convert("RGBA")
    paper = Image.new("RGBA", with_alpha.size, (255, 255, 255, 255))
    paper.alpha_composite(with_alpha)
    return paper.convert("RGB")


def _view(size: tuple[int, int], time: float) -> Box:
    """The camera's view at a moment of the loop: everything, then closer, then everything."""
    turn = 2 * math.pi * time
    near = (1 - math.cos(turn)) / 2
    zoom = 1 - 0.17 * near
    width, height = size[0] * zoom, size[1] * zoom
    across = 0.5 + 0.38 * near * math.sin(turn + 0.9)
    down = 0.5 + 0.20 * near * math.cos(turn)
    left, top = (size[0] - width) * across, (size[1] - height) * down
    return (left, top, left + width, top + height)
