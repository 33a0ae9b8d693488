"""Keeping what a call made, so that nothing else of it stays behind."""

from __future__ import annotations

from typing import Any

from langchain_visioncraft.client.spool import Spool
from langchain_visioncraft.media import Media


def let_go(result: Any) -> None:
    """Remove the temporary files of media, except those that have become files of a store."""
    for medium in result if isinstance(result, list) else ():
        if isinstance(medium, Media) and isinstance(medium.held, Spool):
            medium.held.discard()
