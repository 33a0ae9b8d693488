"""Who may call now: the limits of a cluster, kept in one place. No Ray here.

Whoever calls leases slots, and gives them back when its calls are done. A lease that is not renewed
ends, so that a machine that is lost keeps no slot.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

_BURST_SECONDS = 0.05
"""How much of the rate may be saved up; less would be lost to timers that ring late."""


@dataclass
class _Lease:
    slots: int
    ends: float


class Ledger:
    """Leases slots, to each in its turn. It belongs to one event loop.

    Args:
        in_flight: How many slots there are.
        per_second: How many slots are leased a second; `None`: as many as are free.
        lease_seconds: After how long a lease ends that is not renewed.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        in_flight: int,
        per_second: float | None,
        lease_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._in_flight = in_flight
        self._per_second = per_second
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        self._burst = max(1.0, (per_second or 0.0) * _BURST_SECONDS)
        self._saved = self._burst
        self._counted = clock()
        self._turn = asyncio.Lock()  # first come, first served
        self._given_back = asyncio.Event()

    async def lease(self, holder: str, wanted: int) -> int:
        """Wait until at least one slot may be leased.

        Args:
            holder: Who wants it.
            wanted: How many would be of use.

        Returns:
            How many it now has in addition, from 1 to `wanted`.
        """
        async with self._turn:
            while not (count := min(wanted, self._free(), self._in_time())):
                self._given_back.clear()
                try:
                    await asyncio.wait_for(self._given_back.wait(), self._until_next())
                except TimeoutError:
                    continue  # the time has come for a lease to end, or for the next call
            self._saved -= count if self._per_second else 0
            self._put(holder, self.held(holder) + count)
            return count

    async def give_back(self, holder: str, count: int) -> None:
        """Take slots back, but no more than somebody has: a lease may have ended meanwhile."""
        self._put(holder, max(0, self.held(holder) - count))
        self._given_back.set()

    async def renew(self, holder: str, slots: int) -> None:
        """A sign of life of somebody who holds this many slots.

        If the lease has ended meanwhile, its slots may be with others by now; they are counted
        again until they are given back, so that nobody gets more until all is in order.
        """
        self._put(holder, self.held(holder) or slots)

    def held(self, holder: str) -> int:
        """How many slots somebody has."""
        lease = self._leases.get(holder)
        return lease.slots if lease else 0

    def _put(self, holder: str, slots: int) -> None:
        if slots:
            self._leases[holder] = _Lease(slots, self._clock() + self._lease_seconds)
        else:
            self._leases.pop(holder, None)

    def _free(self) -> int:
        now = self._clock()
        self._leases = {who: lease for who, lease in self._leases.items() if lease.ends > now}
        return max(0, self._in_flight - sum(lease.slots for lease in self._leases.values()))

    def _in_time(self) -> int:
        if self._per_second is None:
            return self._in_flight
        now = self._clock()
        earned = (now - self._counted) * self._per_second
        self._saved = min(self._burst, self._saved + earned)
        self._counted = now
        return math.floor(self._saved + 1e-9)

    def _until_next(self) -> float:
        """Seconds until something may have changed by itself."""
        if self._free():
            return max(0.0, (1.0 - self._saved) / (self._per_second or math.inf))
        return min(lease.ends for lease in self._leases.values()) - self._clock()
