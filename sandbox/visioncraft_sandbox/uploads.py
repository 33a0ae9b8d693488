"""Pictures and recordings that callers send or point to, decoded within bounds."""

from __future__ import annotations

import io
import socket
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from PIL import Image

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import links
from langchain_visioncraft.errors import MediaInputError, UnsafeLinkError
from langchain_visioncraft.media.decoding import picture_formats
from langchain_visioncraft.media.inputs import MediaSource
from langchain_visioncraft.media.sniff import HEAD_BYTES, kind_of, shape_of, sniff
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
    """Reads what stands for a picture or a recording. Its methods block: call them in threads.

    Attributes:
        config: The bounds.
        files: Our own links are answered from here.
        origin: ``host:port`` that the caller used for us.
    """

    config: SandboxConfig
    files: FileStore
    origin: str

    def picture(self, source: MediaSource, name: str) -> Image.Image:
        """Decode a picture.

        Raises:
            Refusal: 400 if it cannot be had, is no picture, or has too many pixels.
        """
        return decode_picture(self.read(source, name), name, self.config.max_pixels)

    def recording(self, source: MediaSource, name: str) -> bytes:
        """The bytes of a recording or of a video with a sound track.

        Raises:
            Refusal: 400 if it cannot be had or is evidently something else.
        """
        data = self.read(source, name)
        mime = sniff(data[:HEAD_BYTES])
        if mime is not None and kind_of(mime) not in ("audio", "video"):
            raise Refusal(400, f"{name} is {mime}, not a recording.")
        return data

    def read(self, source: MediaSource, name: str) -> bytes:
        """The bytes of a source: decoded base64, or what its URL leads to.

        Raises:
            Refusal: 400 if they cannot be had or there are none.
        """
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
        except _Unusable as error:
            raise Refusal(400, f"{name}: {url[:_SHOWN]} {error}.") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason = type(error).__name__
            message = f"{name}: {url[:_SHOWN]} could not be fetched ({reason})."
            raise Refusal(400, message) from error
        raise Refusal(400, f"{name}: {url[:_SHOWN]} redirects too often.")

    def _target(self, url: str) -> links.Target:
        """Where to connect for a link; it may come from anybody who can reach this sandbox.

        Raises:
            UnsafeLinkError: If it leads to an address that is not public.
            OSError: If its host is not known.
        """
        # No origin is our own here: links to ourselves are answered without a connection.
        link = links.check_link(url, base_url="http://sandbox.invalid", endpoint="")
        if self.config.allow_private_urls:
            return links.own_target(link)
        found = socket.getaddrinfo(link.host, link.port, **links.RESOLVE_OPTIONS)
        return links.pin(link, found, base_url="", endpoint="")

    def _own(self, url: str) -> bytes | None:
        """The file that a link of ours leads to.

        Names are digests, so a known one means that file whatever name our host was called by.
        """
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
            raise _Unusable(f"answered with status {response.status_code}")
        if "," in response.headers.get("content-encoding", ""):
            raise _Unusable("is compressed more than once")
        data = bytearray()
        for part in response.iter_bytes():
            data += part
            if len(data) > self.config.max_fetch_bytes:
                raise _Unusable(f"holds more than {self.config.max_fetch_bytes:,} bytes")
            if time.monotonic() > until:
                raise _Unusable(f"takes longer than {_FETCH_SECONDS:.0f} seconds")
        return bytes(data)


class _Unusable(Exception):  # noqa: N818  # the link is, for a reason that its text tells
    """What a link leads to is of no use."""


def decode_picture(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Decode the (first frame of the) picture in these bytes.

    Raises:
        Refusal: 400 if it is no picture, damaged, or has too many pixels.
    """
    too_many = f"{name} has more than {max_pixels:,} pixels."
    mime = sniff(data[:HEAD_BYTES])
    if mime is not None and kind_of(mime) == "image":
        # From the header alone: nothing is decoded before the size is known to be bearable.
        shape = shape_of(io.BytesIO(data), mime)
        if (shape.width or 0) * (shape.height or 0) > max_pixels:
            raise Refusal(400, too_many)
    try:
        picture = Image.open(io.BytesIO(data), formats=picture_formats())
        fits = picture.width * picture.height <= max_pixels
        if fits:
            picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal(400, too_many) from error
    except Exception as error:
        # Decoders of damaged files raise all there is: OSError, SyntaxError, IndexError, …
        raise Refusal(400, f"{name} is not a picture that can be read.") from error
    if not fits:
        raise Refusal(400, too_many)
    return picture
