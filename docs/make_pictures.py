"""Runs the tools' examples in a sandbox, and keeps what they printed and made.

For each `examples/<tool>.py` it writes `pictures/<tool>.txt`, the output; `pictures/<tool>.jpg`
(or `.gif`, `.mp4`), the first medium that the output names; and `pictures/<tool>_source.jpg`, what
that was made from. Names on the command line renew only those:
``python docs/make_pictures.py upscale caption``.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageSequence
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import Media, MediaStore

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "pictures"
RECORDING = DOCS.parent / "cookbook/assets/spoken_note.ogg"
HANDLE = re.compile(r"^[0-9a-f]{12}\.\w+", re.MULTILINE)
WIDEST = 512
"""Pixels of the longer side of a picture."""
GIF_SIDE, GIF_STEP = 240, 2
"""Pixels of the longer side of a GIF; of its frames, one in so many is kept."""
VIDEO_SIZE, VIDEO_RATE = (320, 240), 12
"""Pixels, and frames a second."""


def main(names: list[str]) -> None:
    """Run the examples of these tools, or of all."""
    PICTURES.mkdir(exist_ok=True)
    with Sandbox() as sandbox:
        os.environ |= {"VISIONCRAFT_API_KEY": "any", "VISIONCRAFT_BASE_URL": sandbox.url}
        for example in sorted((DOCS / "examples").glob("*.py")):
            if not names or example.stem in names:
                renew(example)


def renew(example: Path) -> None:
    """Run one example in a folder of its own; keep its output and its media."""
    printed = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("recordings").mkdir()
        shutil.copy(RECORDING, "recordings")
        with contextlib.redirect_stdout(printed):
            runpy.run_path(str(example), run_name="__main__")
        (PICTURES / f"{example.stem}.txt").write_text(printed.getvalue(), encoding="utf-8")
        named = HANDLE.findall(printed.getvalue())
        if named:
            keep(MediaStore().get(named[0]), example.stem)
        for source in (medium for medium in MediaStore() if medium.handle not in named):
            keep(source, f"{example.stem}_source")
        os.chdir(DOCS)
    for path in sorted(PICTURES.glob(f"{example.stem}*")):
        if path.stem.removesuffix("_source") == example.stem:
            print(f"{path.name:28} {path.stat().st_size:7,} bytes")


def keep(medium: Media, stem: str) -> None:
    """Keep a medium small enough for a repository."""
    kind = medium.mime_type
    save = {"video/mp4": save_video, "image/gif": save_gif}.get(kind, save_picture)
    with medium.open() as file:
        save(file, stem)


def save_picture(file: io.BufferedIOBase, stem: str) -> None:
    """As JPEG, on white where it is transparent."""
    with Image.open(file) as picture:
        picture.thumbnail((WIDEST, WIDEST))
        layered = picture.convert("RGBA")
        paper = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
        paper.convert("RGB").save(PICTURES / f"{stem}.jpg", quality=80, optimize=True)


def save_gif(file: io.BufferedIOBase, stem: str) -> None:
    """As GIF with fewer pixels, frames and colours."""
    with Image.open(file) as picture:
        frames = []
        for frame in list(ImageSequence.Iterator(picture))[::GIF_STEP]:
            small = frame.convert("RGB")
            small.thumbnail((GIF_SIDE, GIF_SIDE))
            frames.append(small.quantize(64, dither=Image.Dither.NONE))
        duration = picture.info.get("duration", 80) * GIF_STEP
    options = {"save_all": True, "append_images": frames[1:], "duration": duration, "loop": 0}
    frames[0].save(PICTURES / f"{stem}.gif", optimize=True, **options)


def save_video(file: io.BufferedIOBase, stem: str) -> None:
    """As MP4 with fewer pixels and frames."""
    path = str(PICTURES / f"{stem}.mp4")
    with av.open(file) as whole, av.open(path, "w", options={"movflags": "faststart"}) as small:
        video = whole.streams.video[0]
        every = max(1, round(float(video.average_rate or VIDEO_RATE) / VIDEO_RATE))
        stream = small.add_stream("libx264", rate=VIDEO_RATE, options={"crf": "31"})
        stream.width, stream.height = VIDEO_SIZE
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(list(whole.decode(video))[::every]):
            reduced = frame.reformat(*VIDEO_SIZE)
            reduced.pts, reduced.time_base = number, Fraction(1, VIDEO_RATE)
            small.mux(stream.encode(reduced))
        small.mux(stream.encode())


if __name__ == "__main__":
    main(sys.argv[1:])
