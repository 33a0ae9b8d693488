"""Cassettes: recorded HTTP without keys, how it is kept and how it is looked up."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import vcr
import yaml
from meaning import same_meaning
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request
from vcr.serializers import yamlserializer

HOST = "http://visioncraft.test"
"""What the recorded host is called in a cassette."""

KEY = "vc-recording-key-7c1f0a"
"""The key that a sandbox gets, and that a replay sends."""

HIDDEN = "***"
CASSETTES = Path(__file__).parent / "cassettes"
LARGEST_PICTURE = 40_000
"""Bytes. Larger pictures in answers are made small, so that the cassettes stay small."""

_KEPT_HEADERS = frozenset({"content-type", "location", "retry-after", "x-visioncraft-engine"})


class _Labelled:
    """YAML whose first lines say where, when and with what it was recorded."""

    def __init__(self, source: str, versions: str) -> None:
        self._source = source
        self._versions = versions

    def serialize(self, cassette: dict[str, Any]) -> str:
        today = datetime.now(UTC).date().isoformat()
        label = f"# Recorded from {self._source} on {today} by tests/recording.py; no keys.\n"
        if self._versions:
            label += f"# With {self._versions}.\n"
        return label + yaml.safe_dump(cassette, sort_keys=False, allow_unicode=True, width=100)

    @staticmethod
    def deserialize(text: str) -> Any:
        return yamlserializer.deserialize(text)


class Scrubber:
    """Takes out of requests and answers what is nobody's business, or differs every time."""

    def __init__(self, base_url: str, *keys: str) -> None:
        self._base_url = base_url.encode()
        self._keys = [key.encode() for key in keys]

    def request(self, request: Request) -> Request:
        """The request as it is kept, and as it is looked for."""
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        uri = self._clean(request.uri.encode()).decode()
        kept = {name: value for name, value in headers.items() if name == "content-type"}
        if "authorization" in headers:
            kept["authorization"] = f"Bearer {HIDDEN}"
        body = request.body
        return Request(request.method, uri, self._clean(body) if body else body, kept)

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """The answer as it is kept."""
        headers = {
            name.lower(): values
            for name, values in response["headers"].items()
            if name.lower() in _KEPT_HEADERS
        }
        body = self._clean(_smaller(response["body"]["string"]))
        return {"status": response["status"], "headers": headers, "body": {"string": body}}

    def _clean(self, data: bytes) -> bytes:
        for key in self._keys:
            data = data.replace(key, HIDDEN.encode())
        return data.replace(self._base_url, HOST.encode())


def _smaller(data: bytes) -> bytes:
    if len(data) <= LARGEST_PICTURE or not data.startswith((b"\x89PNG", b"\xff\xd8", b"GIF8")):
        return data
    from PIL import Image, ImageSequence

    with Image.open(io.BytesIO(data)) as picture:
        kind = picture.format
        frames = [frame.convert("RGB") for frame in ImageSequence.Iterator(picture)][:8]
    for frame in frames:
        frame.thumbnail((128, 128))
    buffer = io.BytesIO()
    first, *others = frames
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(buffer, kind, **more)
    return buffer.getvalue()


def _scrubbed_errors(scrubber: Scrubber) -> AbstractContextManager[Any]:
    """The context in which vcr's error for a request that is not on the tape holds no key.

    vcr scrubs what it compares. The error holds the request as it was sent, and vcr 9 prints it.
    """
    original = CannotOverwriteExistingCassetteException.__init__

    def scrubbed(self: Any, *args: Any, failed_request: Request, **kwargs: Any) -> None:
        original(self, *args, failed_request=scrubber.request(failed_request), **kwargs)

    return mock.patch.object(CannotOverwriteExistingCassetteException, "__init__", scrubbed)


@contextmanager
def tape(
    path: Path, scrubber: Scrubber, *, source: str = "", versions: str = "", repeats: bool = False
) -> Iterator[Cassette]:
    """The context in which HTTP is recorded (with a `source`) or replayed.

    Args:
        path: The cassette.
        scrubber: Knows the host and its keys.
        source: What kind of host is recorded; empty for a replay.
        versions: Of the packages that say what is sent, if the cassette shall name them.
        repeats: Whether an answer may be given again. Otherwise each is given once: a poll or a
            retry would get the first one again and again.
    """
    machine = vcr.VCR(
        match_on=("method", "uri", "meaning"),
        record_mode=vcr.mode.ALL if source else vcr.mode.NONE,
        before_record_request=scrubber.request,
        before_record_response=scrubber.response,
    )
    machine.register_matcher("meaning", same_meaning)
    machine.register_serializer("labelled", _Labelled(source, versions))
    if source:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
    recorder = machine.use_cassette(
        str(path), serializer="labelled", allow_playback_repeats=repeats
    )
    with _scrubbed_errors(scrubber), recorder as cassette:
        yield cassette


def interactions(path: Path) -> list[dict[str, Any]]:
    """What a cassette holds."""
    found: list[dict[str, Any]] = _Labelled.deserialize(path.read_text("utf-8"))["interactions"]
    return found
