"""Pictures, GIFs, videos and recordings: `Media`, and the `MediaStore` that keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from langchain_visioncraft.media.media import Media
    from langchain_visioncraft.media.sidecar import Usage
    from langchain_visioncraft.media.store import MediaStore
    from langchain_visioncraft.media.verify import Problem

_MODULES = {"Media": "media", "MediaStore": "store", "Problem": "verify", "Usage": "sidecar"}

__all__ = ["Media", "MediaStore", "Problem", "Usage"]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
