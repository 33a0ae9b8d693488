"""A wrong keyword raises, with the class that was called and near names."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Collection
from typing import Any, ClassVar, Self, get_args, get_type_hints


class KnownKeywords:
    """Base of public classes: `TypeError` for a keyword that the constructor does not take."""

    _more_keywords: ClassVar[tuple[str, ...]] = ()
    """Keywords besides the fields, which a class handles itself."""

    def __new__(cls, *_: Any, **given: Any) -> Self:
        """Check the names of the keywords; the constructor checks everything else."""
        known = keywords_of(cls)  # type: ignore[arg-type]  # a class is hashable
        unknown = [name for name in given if name not in known]
        if unknown and known:
            place = cls._place_of_keyword(unknown[0])
            raise TypeError(unknown_keyword(cls.__name__, unknown[0], known, place))
        return super().__new__(cls)

    @classmethod
    def _place_of_keyword(cls, name: str) -> str:  # noqa: ARG003
        """A sentence that says where else this keyword may go, or nothing."""
        return ""


@functools.cache
def keywords_of(kind: type) -> tuple[str, ...]:
    """What a constructor takes by name; empty if it takes anything."""
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
    """The keywords of ``**name: Unpack[...]``; empty if it takes anything."""
    try:
        [packed] = get_args(get_type_hints(init).get(name)) or [object]
    except NameError:  # a subclass with annotations that only type checkers can read
        return ()
    return tuple(getattr(packed, "__annotations__", ()))


def unknown_keyword(kind: str, name: str, known: Collection[str], place: str = "") -> str:
    """The message for a keyword that is not known.

    Args:
        kind: The class or function that was called.
        name: The keyword.
        known: The keywords that it takes.
        place: A sentence that says where else the keyword may go.
    """
    hints = []
    if near := difflib.get_close_matches(name, known, n=3, cutoff=0.7):
        hints.append(f"Did you mean {' or '.join(f'{other}=' for other in near)}?")
    elif not place:
        hints.append(f"It takes {', '.join(sorted(known))}.")
    return " ".join([f"{kind} has no argument {name!r}.", *hints, place]).rstrip()
