"""What the first keys of a JSON object say about whether it can be a tool call."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_visioncraft.chat_models.call_forms import (
    CALL_KEYS,
    CALL_TYPES,
    NAME_KEYS,
    OF_SCHEMAS,
    Offered,
    bare_name,
)
from langchain_visioncraft.chat_models.json_span import Field


class CallRules:
    """Decides as early as possible, so that prose is not held back.

    Args:
        offered: The tools that may be called.
    """

    def __init__(self, offered: Offered) -> None:
        self._names = tuple(offered.schemas)
        # The arguments of any tool may stand beside its name.
        self._beside = {key for name in self._names for key in offered.properties(name)}
        forced = offered.implied
        self._alone = set(offered.properties(forced)) if forced else set()
        self._first = CALL_KEYS | self._alone
        self._later = self._first | self._beside | set(OF_SCHEMAS)

    def exclude(self, field: Field | None) -> bool:
        """Whether this is certainly no call."""
        if field is None:
            return False
        known = self._first if field.is_first else self._later
        if not field.key_is_whole:
            return not any(key.startswith(field.key) for key in known)
        if field.key in self._alone:
            return False
        if field.key in NAME_KEYS:
            return self._names_no_tool(field)
        if field.key == "type" and field.value is not None:
            return not _begins(field.value, CALL_TYPES, whole=field.value_is_whole)
        return field.key not in known

    def _names_no_tool(self, field: Field) -> bool:
        if field.value is None:
            opens_object = field.key in ("function", "tool") and field.opens == "{"
            return bool(field.opens) and not opens_object
        name = field.value.lstrip()
        if "(" in name:
            return bare_name(name) not in self._names
        return not _begins(name, self._names, whole=field.value_is_whole)

    def begins_name(self, field: Field | None) -> bool:
        """Whether the name of a tool has begun."""
        return field is not None and field.key in NAME_KEYS and bool(field.value)

    def name_in(self, field: Field | None) -> str | None:
        """The tool that is named here, if one is."""
        if field is None or field.key not in NAME_KEYS or not field.value_is_whole:
            return None
        name = bare_name(field.value or "")
        return name if name in self._names else None


def _begins(text: str, options: Sequence[str], *, whole: bool) -> bool:
    if whole:
        return text.strip() in options
    return any(option.startswith(text) for option in options)
