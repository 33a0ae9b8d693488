"""Documented names, on a host with names of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_SHORTEST = 5
_WEIGHTS = re.compile(r"\.(?:safetensors|ckpt|pth?|bin|gguf|sft)$", re.IGNORECASE)
_VERSION = re.compile(r"v(?=\d)")
_SIGNS = re.compile(r"[^a-z0-9]+")


def closest(asked: str, offered: Sequence[str]) -> str | None:
    """The offered name that means the same, if there is one.

    Folders, file extensions, case, punctuation and the ``v`` of a version do not matter:
    ``dreamshaper_v8`` is ``SD15/DreamShaper_8.safetensors``. Otherwise one name may contain the
    other, if that is long enough: ``sdxl-base`` is ``sd_xl_base_1.0``.
    """
    if asked in offered:
        return asked
    wanted = _plain(asked)
    plain = {name: _plain(name) for name in offered}
    for name, form in plain.items():
        if form == wanted:
            return name
    near = [
        name
        for name, form in plain.items()
        if min(len(form), len(wanted)) >= _SHORTEST and (form in wanted or wanted in form)
    ]
    return min(near, key=lambda name: abs(len(plain[name]) - len(wanted)), default=None)


def _plain(name: str) -> str:
    stem = _WEIGHTS.sub("", PurePosixPath(name.replace("\\", "/")).name).lower()
    return _SIGNS.sub("", _VERSION.sub("", stem))
