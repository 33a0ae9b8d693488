"""Rate limits, in the service's words."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping

from visioncraft_sandbox.answers import Refusal
from visioncraft_sandbox.settings import Limit

_MOST_KEYS = 10_000


class Limiter:
    """Counts the calls of each key to each limited endpoint in a sliding window."""

    def __init__(
        self, limits: Mapping[str, Limit], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = dict(limits)
        self._clock = clock
        self._calls: dict[tuple[str, str], deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def check(self, endpoint: str, key: str) -> None:
        """Count a call of an endpoint such as ``POST /sd``; refuse it with 429 at the limit."""
        limit = self._limits.get(endpoint)
        if limit is None:
            return
        now = self._clock()
        with self._lock:
            if len(self._calls) > _MOST_KEYS:
                self._forget_idle(now)
            calls = self._calls[endpoint, key]
            while calls and calls[0] <= now - limit.seconds:
                calls.popleft()
            if len(calls) < limit.calls:
                calls.append(now)
                return
            wait = calls[0] + limit.seconds - now if calls else limit.seconds
        seconds = max(1, math.ceil(wait))
        raise Refusal(
            limit.status,
            f"Free users can make {limit.calls} requests to {endpoint.partition(' ')[2]} per "
            f"{duration_text(limit.seconds)}. Try again in {seconds} seconds.",
            {"Retry-After": str(seconds)} if limit.announce else {},
        )

    def _forget_idle(self, now: float) -> None:
        """Drop keys whose calls no longer count; callers may invent any number of keys."""
        for (endpoint, key), calls in list(self._calls.items()):
            if not calls or calls[-1] <= now - self._limits[endpoint].seconds:
                del self._calls[endpoint, key]
        while len(self._calls) > _MOST_KEYS:
            del self._calls[next(iter(self._calls))]


def duration_text(seconds: float) -> str:
    """A duration as the service writes it: ``5 minutes``, ``1 hour``."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:g} second{'s' if seconds != 1 else ''}"
