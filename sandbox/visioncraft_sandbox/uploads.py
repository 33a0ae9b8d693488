"""Pictures and recordings that callers send or link to, decoded within bounds."""

from __future__ import annotations

import io
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from PIL import Image

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import links
from langchain_visioncraft.errors import MediaInputError, UnsafeLinkError
from langchain_visioncraft.media.colours import as_seen, turn_of, turned
from langchain_visioncraft.media.decoding import decode, open_image
from langchain_visioncraft.media.inputs import MediaSource, parse_source
from langchain_visioncraft.media.inspection import media_info, type_of
from langchain_visioncraft.media.sniff import kind_of
from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.settings import SandboxConfig

_SILENT_SECONDS = 30.0
_FETCH_SECONDS = 120.0
_MAX_REDIRECTS = 3
_SHOWN = 200
"""Characters of a link in a message."""


@dataclass(frozen=True)
class Uploads:
    """Reads pictures and recordings. Its methods block: call them in threads.

    Attributes:
        config: The bounds.
        files: The files behind the sandbox's own links.
        origin: The ``host:port`` that the caller used for the sandbox.
    """

    config: SandboxConfig
    files: FileStore
    origin: str

    def picture(self, source: MediaSource, name: str) -> Image.Image:
        """Decode a picture."""
        return decode_picture(self.read(source, name), name, self.config.max_pixels)

    def picture_and_mask(
        self, image: MediaSource, mask: MediaSource
    ) -> tuple[Image.Image, Image.Image]:
        """Decode a picture, and the grey mask that says where it may change."""
        stored = _opened(self.read(image, "image"), "image", self.config.max_pixels)
        turn, size = turn_of(stored), stored.size
        picture, cover = as_seen(stored), self.picture(mask, "mask")
        if cover.size == size != picture.size:  # drawn on the picture as it is stored
            cover = turned(cover, turn)
        if cover.has_transparency_data:  # where it is transparent, nothing is marked
            layered = cover.convert("RGBA")
            black = Image.new("RGBA", layered.size, "black")
            cover = Image.alpha_composite(black, layered)
        return picture, cover.convert("L")

    def recording(self, source: MediaSource, name: str) -> bytes:
        """The bytes of a recording, or of a video with a sound track."""
        data = self.read(source, name)
        mime = type_of(data)
        if mime is not None and kind_of(mime) not in ("audio", "video"):
            raise Refusal(400, f"{name} is {mime}, not a recording.")
        return data

    def read(self, source: MediaSource, name: str) -> bytes:
        """The bytes of a source: decoded base64, or fetched from its URL."""
        try:
            data = source.open().read() if source.url is None else self._fetch(source.url, name)
        except MediaInputError as error:
            raise Refusal(400, f"{name}: {error}") from error
        if not data:
            raise Refusal(400, f"{name} is empty.")
        return data

    def _fetch(self, url: str, name: str) -> bytes:
        until = time.monotonic() + _FETCH_SECONDS
        try:
            with httpx.Client(timeout=_SILENT_SECONDS, follow_redirects=False) as client:
                for _ in range(_MAX_REDIRECTS + 1):
                    own = self._own(url)
                    if own is not None:
                        return own
                    target = self._target(url)
                    headers = {"Accept-Encoding": "identity", **target.headers}
                    with client.stream(
                        "GET", target.url, headers=headers, extensions=target.extensions
                    ) as response:
                        if not response.is_redirect:
                            return self._body(response, until)
                        url = urljoin(url, response.headers.get("location", ""))
        except UnsafeLinkError as error:
            message = f"{name}: {url[:_SHOWN]} was not fetched: {error.reason}."
            raise Refusal(400, message) from error
        except _UnusableError as error:
            raise Refusal(400, f"{name}: {url[:_SHOWN]} {error}.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason = type(error).__name__
            message = f"{name}: {url[:_SHOWN]} could not be fetched ({reason})."
            raise Refusal(400, message) from error
        raise Refusal(400, f"{name}: {url[:_SHOWN]} redirects too often.")

    def _target(self, url: str) -> links.Target:
        """Where to connect for a link, which may come from anybody who can reach this sandbox."""
        # No base URL of ours: the sandbox's own links need no connection.
        link = links.check_link(url, base_url="http://sandbox.invalid", endpoint="")
        if self.config.allow_private_urls:
            return links.own_target(link)
        found = socket.getaddrinfo(link.host, link.port, **links.RESOLVE_OPTIONS)
        return links.pin(link, found, base_url="", endpoint="")

    def _own(self, url: str) -> bytes | None:
        """The file behind one of our links. Its name is a digest, so any host name will do."""
        parts = urlsplit(url)
        if not parts.path.startswith("/files/"):
            return None
        file = self.files.get(parts.path.removeprefix("/files/"))
        if file is not None:
            return file.data
        if parts.netloc == self.origin:
            raise Refusal(400, f"The link {url[:_SHOWN]} has expired or never existed.")
        return None

    def _body(self, response: httpx.Response, until: float) -> bytes:
        if response.status_code != 200:
            raise _UnusableError(f"answered with status {response.status_code}")
        if "," in response.headers.get("content-encoding", ""):
            raise _UnusableError("is compressed more than once")
        data = bytearray()
        for part in response.iter_bytes():
            data += part
            if len(data) > self.config.max_fetch_bytes:
                raise _UnusableError(f"holds more than {self.config.max_fetch_bytes:,} bytes")
            if time.monotonic() > until:
                raise _UnusableError(f"takes longer than {_FETCH_SECONDS:.0f} seconds")
        return bytes(data)


class _UnusableError(Exception):
    """The answer behind a link cannot be used."""


def source_of(value: Any, name: str) -> MediaSource:
    """The base64 or URL of a parameter; refused with 400 if it is neither."""
    if not isinstance(value, str):
        raise Refusal(400, f"{name} must be a string: base64 or a URL.")
    try:
        return parse_source(value)
    except MediaInputError as error:
        raise Refusal(400, f"{name}: {error}") from error


def decode_picture(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Decode the first frame of a picture, upright and in sRGB; refused with 400 if too large."""
    return as_seen(_opened(data, name, max_pixels))


def _opened(data: bytes, name: str, max_pixels: int) -> Image.Image:
    too_many = f"{name} has more than {max_pixels:,} pixels."
    mime = type_of(data)
    if mime is not None and kind_of(mime) == "image":
        # From the header alone: nothing is decoded before its size is known.
        shape = media_info(io.BytesIO(data), mime)
        if (shape.width or 0) * (shape.height or 0) > max_pixels:
            raise Refusal(400, too_many)
    try:
        picture = open_image(io.BytesIO(data))
        fits = picture.width * picture.height <= max_pixels
        if fits:
            picture = decode(picture).image
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal(400, too_many) from error
    except Exception as error:
        # For damaged files, decoders raise OSError, SyntaxError, IndexError and others.
        raise Refusal(400, f"{name} is not a picture that can be read.") from error
    if not fits:
        raise Refusal(400, too_many)
    return picture
