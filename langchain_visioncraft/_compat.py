"""The HTTP library: httpx2 where it is installed, httpx otherwise; imported at first use.

httpx2 is httpx's maintained continuation with the same interface; the OpenAI SDK 3 brings it
along. With 64 calls in flight it takes less than a tenth of httpx's CPU time per call.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2 as httpx
else:

    def __getattr__(name: str) -> ModuleType:
        if name != "httpx":
            raise AttributeError(name)
        try:
            library = importlib.import_module("httpx2")
        except ImportError:
            library = importlib.import_module("httpx")
        return globals().setdefault(name, library)


__all__ = ["httpx", "is_from_aiohttp", "is_from_httpx", "is_from_socksio"]


def is_from_httpx(thing: Any, *names: str) -> bool:
    """Whether this is an instance of a class of httpx or httpx2 with one of these names.

    A user may pass a client of either library, so exceptions of both can arrive.
    """
    return _is_from(("httpx2", "httpx"), thing, names)


def is_from_aiohttp(thing: Any, *names: str) -> bool:
    """The same for aiohttp, whose errors `httpx_aiohttp` lets through, in a user's own client."""
    return _is_from(("aiohttp",), thing, names)


def is_from_socksio(thing: Any, *names: str) -> bool:
    """The same for socksio, whose errors httpx lets through."""
    return _is_from(("socksio",), thing, names)


def _is_from(libraries: Iterable[str], thing: Any, names: Iterable[str]) -> bool:
    known = [sys.modules[name] for name in libraries if name in sys.modules]
    return any(isinstance(thing, getattr(library, name)) for library in known for name in names)
