"""A wrong keyword is answered with the class that was called, and with near names."""

from __future__ import annotations

import difflib
import functools
import inspect
from typing import Any, Self


class KnownKeywords:
    """Base of public classes: `TypeError` for a keyword that the constructor does not take."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Check the names of the keywords; the constructor checks everything else."""
        known = keywords_of(cls)  # type: ignore[arg-type]  # a class is hashable
        unknown = [name for name in given if name not in known]
        if unknown and known:
            raise TypeError(unknown_keyword(cls.__name__, unknown[0], known))
        return super().__new__(cls)


@functools.cache
def keywords_of(kind: type) -> tuple[str, ...]:
    """What a constructor takes by name; empty if it takes anything."""
    fields = getattr(kind, "model_fields", None)
    if fields is not None:
        aliases = (field.validation_alias or field.alias for field in fields.values())
        return (*fields, *(alias for alias in aliases if isinstance(alias, str)))
    parameters = inspect.signature(kind.__init__).parameters.values()  # type: ignore[misc]
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return ()
    return tuple(parameter.name for parameter in parameters)[1:]


def unknown_keyword(kind: str, name: str, known: tuple[str, ...]) -> str:
    """The message for a keyword that is not known."""
    near = difflib.get_close_matches(name, known, n=3)
    hint = (
        f"Did you mean {' or '.join(f'{other}=' for other in near)}?"
        if near
        else f"It takes {', '.join(sorted(known))}."
    )
    return f"{kind} has no argument {name!r}. {hint}"
