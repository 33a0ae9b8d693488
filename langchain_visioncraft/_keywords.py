"""Errors for wrong keywords, with the class that was called and near names."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any, ClassVar, Self, get_args, get_type_hints


class KnownKeywords:
    """Base of public classes: `TypeError` for a keyword that the constructor does not take."""

    _more_keywords: ClassVar[tuple[str, ...]] = ()
    """Keywords that are not fields and are never suggested; the class itself explains them."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Check the names of the keywords; the constructor checks everything else."""
        known = keywords_of(cls)  # type: ignore[arg-type]  # a class is hashable
        unknown = [name for name in given if name not in known]
        del given  # the value may be a key, and tracebacks may show locals
        if unknown and known:
            useful = [name for name in known if name not in cls._more_keywords]
            msg = unknown_keyword(cls.__name__, unknown[0], useful, cls._place_of_keyword)
            raise TypeError(msg)
        return super().__new__(cls)

    @classmethod
    def _place_of_keyword(cls, name: str, *, near: bool) -> str:  # noqa: ARG003
        """A sentence that says where else a keyword may go, or nothing."""
        return ""


@functools.cache
def keywords_of(kind: type) -> tuple[str, ...]:
    """The keywords of a constructor; empty if it takes any."""
    init = kind.__init__  # type: ignore[misc]
    names = [*getattr(kind, "_more_keywords", ())]
    fields = getattr(kind, "model_fields", None)
    for name, field in (fields or {}).items():
        names += [name, field.validation_alias, field.alias]
    for parameter in [*inspect.signature(init).parameters.values()][1:]:
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_KEYWORD and fields is None:
            packed = _packed(init, parameter.name)
            if not packed:
                return ()
            names += packed
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))


def _packed(init: Any, name: str) -> tuple[str, ...]:
    """The keywords of ``**name: Unpack[...]``; empty if it takes any."""
    try:
        [packed] = get_args(get_type_hints(init).get(name)) or [object]
    except NameError:  # a subclass with annotations that only type checkers can read
        return ()
    return tuple(getattr(packed, "__annotations__", ()))


def unknown_keyword(
    kind: str,
    name: str,
    known: Collection[str],
    place_of: Callable[..., str] = KnownKeywords._place_of_keyword,
) -> str:
    """The message for an unknown keyword; `place_of` says where else it may go."""
    close = difflib.get_close_matches(name, known, n=3)
    place = place_of(name, near=bool(close))
    hints = [f"Did you mean {' or '.join(f'{other}=' for other in close)}?"] if close else []
    if place or not close:
        hints.append(place or f"It takes {', '.join(sorted(known))}.")
    return " ".join([f"{kind} has no argument {name!r}.", *hints])
