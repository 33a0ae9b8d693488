"""Tells a thread whether anybody still waits for its work, and reports its progress.

A thread cannot be stopped from outside: long work asks between its steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar


class StoppedError(Exception):
    """Nobody waits for this work any more."""


_is_unwanted: ContextVar[Callable[[], bool]] = ContextVar("is_unwanted", default=lambda: False)
reporter: ContextVar[Callable[[float], None]] = ContextVar("reporter", default=lambda _: None)
"""Takes how much of the work is done, from 0 to 1; called in the thread of the work."""


@contextlib.contextmanager
def until(is_unwanted: Callable[[], bool]) -> Iterator[None]:
    """Work that ends early once `is_unwanted` returns True."""
    token = _is_unwanted.set(is_unwanted)
    try:
        yield
    finally:
        _is_unwanted.reset(token)


def watch() -> Callable[[], bool]:
    """Whether this thread's work is unwanted; its callbacks in other threads can call this, too."""
    return _is_unwanted.get()


def go_on(done: float | None = None) -> None:
    """Return if the work is still wanted, otherwise raise `StoppedError`.

    Args:
        done: How much of it is done, from 0 to 1, if that is known.
    """
    if _is_unwanted.get()():
        raise StoppedError
    if done is not None:
        reporter.get()(done)
