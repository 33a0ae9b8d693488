"""Pictures and recordings that callers send or point to, decoded within bounds."""

from __future__ import annotations

import io
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from PIL import Image

from langchain_visioncraft._compat import httpx
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.inputs import MediaSource
from langchain_visioncraft.media.sniff import HEAD_BYTES, kind_of, shape_of, sniff
from langchain_visioncraft.sandbox.answers import Refusal
from langchain_visioncraft.sandbox.files import FileStore
from langchain_visioncraft.sandbox.settings import SandboxConfig

_FETCH_SECONDS = 30.0
_MAX_REDIRECTS = 3


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
        try:
            with httpx.Client(timeout=_FETCH_SECONDS, follow_redirects=False) as client:
                for _ in range(_MAX_REDIRECTS + 1):
                    own = self._own(url)
                    if own is not None:
                        return own
                    with client.stream("GET", url) as response:
                        if not response.is_redirect:
                            return self._body(response, url, name)
                        url = urljoin(url, response.headers.get("location", ""))
                    if urlsplit(url).scheme not in ("http", "https"):
                        raise Refusal(400, f"{name}: the link redirects to no http(s) URL.")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            reason = type(error).__name__
            raise Refusal(400, f"{name}: {url} could not be fetched ({reason}).") from error
        raise Refusal(400, f"{name}: {url} redirects too often.")

    def _own(self, url: str) -> bytes | None:
        parts = urlsplit(url)
        if parts.netloc != self.origin or not parts.path.startswith("/files/"):
            return None
        file = self.files.get(parts.path.removeprefix("/files/"))
        if file is None:
            raise Refusal(400, f"The link {url} has expired or never existed.")
        return file.data

    def _body(self, response: httpx.Response, url: str, name: str) -> bytes:
        if response.status_code != 200:
            raise Refusal(400, f"{name}: {url} answered with status {response.status_code}.")
        data = bytearray()
        for part in response.iter_bytes():
            data += part
            if len(data) > self.config.max_fetch_bytes:
                most = self.config.max_fetch_bytes
                raise Refusal(400, f"{name}: {url} holds more than {most:,} bytes.")
        return bytes(data)


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
        picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > max_pixels:
            raise Refusal(400, too_many)
        picture.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refusal(400, too_many) from error
    except (OSError, SyntaxError, ValueError, MemoryError) as error:
        raise Refusal(400, f"{name} is not a picture that can be read.") from error
    return picture
