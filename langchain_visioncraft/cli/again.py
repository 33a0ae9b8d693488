"""``visioncraft again`` and ``visioncraft vary``: a kept picture by its handle, made once more."""

from __future__ import annotations

import functools
from typing import Any

from langchain_visioncraft.cli.base import CONNECTION, STORE, Argument, Command, connected
from langchain_visioncraft.cli.results import JSON, OUT, SHOW, check, deliver_media, working
from langchain_visioncraft.media import MediaStore
from langchain_visioncraft.toolkit import VisionCraftToolkit


def _repeat(
    way: str,
    *,
    handle: str,
    store: str,
    out: str | None,
    as_json: bool,
    show: bool | None,
    **connection: Any,
) -> None:
    check(out, as_json=as_json, binary=True)
    with connected(**connection) as client, working("Drawing"):
        toolkit = VisionCraftToolkit(client=client, store=MediaStore(store))
        media = getattr(toolkit, way)(handle)
        deliver_media(media, out=out, as_json=as_json, show=show)


def _command(way: str) -> Command:
    handle = Argument("handle", "A handle, such as a1b2c3d4e5f6.png.")
    return Command(
        None,
        params=[handle, *CONNECTION, STORE, OUT, JSON, SHOW],
        callback=functools.partial(_repeat, way),
    )


again, vary = _command("again"), _command("vary")
