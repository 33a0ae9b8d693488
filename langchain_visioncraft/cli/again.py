"""``visioncraft again`` and ``visioncraft vary``: make a stored picture again, by its handle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_visioncraft.cli.connection import connected
from langchain_visioncraft.cli.problems import note
from langchain_visioncraft.cli.results import check, deliver_media, working
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.toolkit import VisionCraftToolkit


def run(
    way: str,
    *,
    handle: str,
    connection: Mapping[str, Any],
    store: str,
    out: str | None,
    as_json: bool,
    show: bool | None,
) -> None:
    """Make it again, in this way: a method of the toolkit."""
    check(out, as_json=as_json, binary=True, store=store)
    with connected(connection) as client, working("Drawing"):
        toolkit = VisionCraftToolkit(client=client, store=MediaStore(store))
        media = getattr(toolkit, way)(handle)
        if way == "vary" and handle in (medium.handle for medium in media):
            note("The host made the same picture again: its endpoint takes no seed.")
        deliver_media(media, out=out, as_json=as_json, show=show)
