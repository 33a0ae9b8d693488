"""The engines that draw from prompts, by the names that users give. Imports nothing heavy.

Their endpoints are in `cli.capabilities`, their tools in `tools.engines`; a test holds them to
this.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

Engine: TypeAlias = Literal[
    "sd",
    "image",
    "sd1",
    "sdxl",
    "midjourney",
    "openjourney",
    "dalle",
    "kandinsky",
    "playground",
    "leonardo-xl",
]

ENGINES: tuple[Engine, ...] = get_args(Engine)
"""The default first."""

BEST_FIRST: tuple[Engine, ...] = ("image", "sd", "sdxl", "sd1")
"""What ``"auto"`` chooses from: those with a list by which a host shows that it has them."""
