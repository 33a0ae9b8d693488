"""Contact sheets: stored pictures side by side, as one picture or as a page."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.media import Media

_GAP, _CAPTION = 12, 22
_PAPER, _INK = "#ffffff", "#222222"
_STYLE = """\
body{font:15px/1.4 system-ui,sans-serif;margin:2rem;background:Canvas;color:CanvasText}
main{display:grid;gap:1.5rem;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr))}
figure{margin:0}img,video{width:100%;border-radius:6px}figcaption{overflow-wrap:anywhere}
small{opacity:.7}"""


def _sheet(
    shown: Sequence[Media], captions: Sequence[str], *, columns: int | None, side: int
) -> bytes:
    """A PNG with each picture in a square of `side` pixels, and its caption below."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 -- an extra

    from langchain_visioncraft.media.decoding import open_picture  # noqa: PLC0415
    from langchain_visioncraft.media.scaling import scaled  # noqa: PLC0415

    if not shown:
        msg = "A contact sheet needs at least one picture."
        raise MediaInputError(msg)
    across = columns or math.ceil(math.sqrt(len(shown)))
    down = math.ceil(len(shown) / across)
    size = (_GAP + across * (side + _GAP), _GAP + down * (side + _CAPTION + _GAP))
    paper = Image.new("RGB", size, _PAPER)
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(14)
    for place, (medium, caption) in enumerate(zip(shown, captions, strict=True)):
        left = _GAP + place % across * (side + _GAP)
        top = _GAP + place // across * (side + _CAPTION + _GAP)
        data = scaled(medium, side, name=medium.handle).data
        with open_picture(Media.from_bytes(data), name=medium.handle) as opened:
            picture = opened.convert("RGBA")
        middle = (left + (side - picture.width) // 2, top + (side - picture.height) // 2)
        paper.paste(picture, middle, picture)
        caption = caption[:side]  # noqa: PLW2901 -- no letter is narrower than a pixel
        fitting = next(
            n for n in range(len(caption), -1, -1) if font.getlength(caption[:n]) <= side
        )
        pen.text((left, top + side + 3), caption[:fitting], fill=_INK, font=font)
    file = io.BytesIO()
    paper.save(file, "PNG")
    return file.getvalue()


def _gallery(media: Iterable[tuple[Media, dict[str, Any]]], title: str) -> str:
    """A self-contained page of media, with their provenance below each."""
    figures = "\n".join(_figure(medium, facts) for medium, facts in media)
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{name}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<style>{_STYLE}</style>\n<h1>{name}</h1>\n<main>\n{figures}\n</main></html>\n"
    )


def _figure(medium: Media, facts: dict[str, Any]) -> str:
    url, kind = medium.data_url(), medium.mime_type.partition("/")[0]
    arguments = facts.get("arguments") or {}
    prompt = html.escape(str(arguments.get("prompt") or ""))
    made = [
        arguments.get("model"),
        facts.get("seed") and f"seed {facts['seed']}",
        medium.describe(),
    ]
    shown = {
        "image": f'<img src="{url}" alt="{prompt}" loading="lazy">',
        "video": f'<video src="{url}" controls loop></video>',
        "audio": f'<audio src="{url}" controls></audio>',
    }[kind]
    small = html.escape(" · ".join(str(each) for each in made if each))
    return f"<figure>{shown}<figcaption>{prompt}<br><small>{small}</small></figcaption></figure>"


class Sheets:
    """The methods of a store for several media at once."""

    get: Callable[[str], Media]
    provenance: Callable[[str], dict[str, Any]]
    add: Callable[..., Media]

    def contact_sheet(
        self,
        handles: Sequence[str],
        *,
        captions: Sequence[str] | None = None,
        columns: int | None = None,
        side: int = 320,
    ) -> Media:
        """Save one picture (PNG) that shows these side by side, each with a caption below it.

        Args:
            handles: The handles of pictures; of an animation, the first frame is shown.
            captions: One for each, cut to the width of its picture. Default: the handles.
            columns: How many pictures a row has. Default: as many as there are rows.
            side: Pixels of the square in which each is shown.

        Raises:
            UnknownHandleError: If there is no such medium.
            MediaInputError: If there are none, or one of them is not a picture.
            ValueError: If there is not one caption for each picture.
            ImportError: If Pillow is not installed.
        """
        media = [self.get(handle) for handle in handles]
        if captions is None:
            captions = [each.handle for each in media]
        elif len(captions) != len(media):
            msg = f"{len(captions)} captions for {len(media)} pictures: give one for each."
            raise ValueError(msg)
        picture = _sheet(media, captions, columns=columns, side=side)
        return self.add(picture, tool="contact_sheet", sources=[each.handle for each in media])

    def gallery(self, handles: Sequence[str], *, title: str = "Gallery") -> str:
        """A page (HTML) that shows these media with their prompts, models and seeds.

        It is self-contained: the media are embedded in it.

        Raises:
            UnknownHandleError: If there is no such medium.
        """
        media = [self.get(handle) for handle in handles]
        return _gallery([(each, self.provenance(each.handle)) for each in media], title)
