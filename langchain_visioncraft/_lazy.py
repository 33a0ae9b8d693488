"""Names of a package that are imported at first use."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A ``__getattr__`` and a ``__dir__`` for a package.

    `modules` says which of its modules each name comes from; a module's own name stands for itself.
    """

    def get(name: str) -> Any:
        module = modules.get(name)
        if module is None:
            msg = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(msg)
        found = _imported(f"{package}.{module}")
        value = found if module == name else getattr(found, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        held = vars(sys.modules[package])
        return sorted({*modules, *(name for name in held if name.startswith("__"))})

    return get, names


def _imported(name: str) -> ModuleType:
    """Import a module with the garbage collector paused.

    An import of LangChain makes half a million objects that stay. Collections, which visit all of
    them and free nothing, would take a tenth of the time. At the end the objects count as old, as
    they would after those collections; they can still be collected later.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if collecting:
            if not gc.get_freeze_count():  # otherwise the application froze some
                gc.freeze()
                gc.unfreeze()
            gc.enable()


# CPython maps its stack of frames 16 kB at a time, and unmaps a piece when the last frame in it
# returns. An import is many calls at one depth: if a piece happens to end there, it is mapped
# 20,000 times, which takes a fifth of the time. A large frame gets a large piece, in which all
# further frames fit, too.
_imported.__code__ = _imported.__code__.replace(co_stacksize=1 << 14)
