"""Parts of a stream that LangChain copies with each piece of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SHARE = 16


class Portions:
    """Passes pieces on at once at first, and then in portions that grow with all before them.

    The copies then take linear time.

    Args:
        free: The number of characters or items that pass at once.
    """

    def __init__(self, free: int) -> None:
        self._free, self._size = free, 0
        self._held: dict[str, list[Any]] = {}

    @property
    def is_holding(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def take(
        self, parts: Mapping[str, str | Sequence[Any]], weight: int = 1
    ) -> dict[str, list[Any]]:
        """Take the pieces of some parts, and return what passes: texts, or items of lists.

        The weight is that of one character or item.
        """
        for name, part in parts.items():
            self._held.setdefault(name, []).extend([part] if isinstance(part, str) else part)
            self._size += (len(part) + 1) * weight
        is_due = self._size * _SHARE >= -self._free
        return self.rest() if parts and is_due else {}

    def rest(self) -> dict[str, list[Any]]:
        """All that is held back."""
        self._free -= self._size
        held, self._held, self._size = self._held, {}, 0
        return held
