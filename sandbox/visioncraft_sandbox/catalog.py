"""What the documents list, from ``catalog.toml``: names, tiers, and messages by status."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable
from importlib import resources
from typing import Any, Final

_TOML: dict[str, Any] = tomllib.loads(
    resources.files(__package__).joinpath("catalog.toml").read_text("utf-8")
)
LIMITS: Final[dict[str, dict[str, str]]] = _TOML["limits"]
MESSAGES: Final[dict[str, str]] = _TOML["messages"]
ON_HOSTS: Final[dict[str, str]] = _TOML["on_hosts"]
NAMES: Final[dict[str, dict[str, str]]] = _TOML["names"]

LISTS: Final[dict[str, tuple[str, ...]]] = {
    path: tuple(_TOML["lists"][names] if isinstance(names, str) else names)
    for path, names in _TOML["lists"].items()
}
"""The names in each list, by the path of its endpoint."""


def takes_images(model: str) -> bool:
    """Whether a chat model takes pictures."""
    return "llava" in model.lower()


def listed(path: str) -> tuple[str, ...]:
    """The names in the list of this path; with ``{type}`` in it, in those of all types."""
    if "{" not in path:
        return LISTS[path]
    start = path.partition("{")[0]
    return tuple(
        dict.fromkeys(name for each in LISTS if each.startswith(start) for name in LISTS[each])
    )


def unknown_names(
    kind: str, given: Iterable[str], path: str, known: Collection[str] | None = None
) -> list[str]:
    """Sentences about names that a list does not hold, as the service words them."""
    known = listed(path) if known is None else known
    return [
        f"This host doesn't have {kind} {name!r}. See GET {path} for the names."
        for name in given
        if name not in known
    ]
