"""Answers of bytes in memory, whole or in part: some browsers play no video without."""

from __future__ import annotations

import re
from collections.abc import Mapping

from starlette.responses import Response

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def ranged(data: bytes, mime: str, wanted: str | None, headers: Mapping[str, str]) -> Response:
    """Give bytes, or the one part of them that a ``Range`` header wants.

    Args:
        data: All of them.
        mime: Their type.
        wanted: The header; what it cannot mean is answered with everything (RFC 9110, 14.2).
        headers: Further headers.
    """
    told = {"accept-ranges": "bytes", **headers}
    match = _RANGE.fullmatch((wanted or "").strip())
    if match is None or not (match[1] or match[2]):
        return Response(data, media_type=mime, headers=told)
    size = len(data)
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
    else:
        first, last = max(0, size - int(match[2])), size - 1
    if first >= size or first > last:
        return Response(status_code=416, headers={**told, "content-range": f"bytes */{size}"})
    told["content-range"] = f"bytes {first}-{last}/{size}"
    return Response(data[first : last + 1], 206, media_type=mime, headers=told)
