"""Where the examples run: on the live host if there is a key, otherwise on a sandbox."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from visioncraft_sandbox import Sandbox


@contextlib.contextmanager
def host() -> Iterator[dict[str, str]]:
    """The settings of the connection."""
    if os.environ.get("VISIONCRAFT_API_KEY"):
        yield {}
        return
    with Sandbox() as sandbox:
        yield {"api_key": "sandbox", "base_url": sandbox.url}
