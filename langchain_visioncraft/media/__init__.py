"""Pictures, GIFs, videos and recordings: `Media`, and the `MediaStore` that keeps them."""

from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.store import MediaStore
from langchain_visioncraft.media.verify import Problem

__all__ = ["Media", "MediaStore", "Problem"]
