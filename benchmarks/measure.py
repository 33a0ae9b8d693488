"""One measurement of one contender, in this process, which does nothing else."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.cases import CASES, Case, Contender, Place, Run


@dataclass
class Measurement:
    """What calls cost.

    Attributes:
        cpu_ms: User and system time of the process, a call.
        wall_ms: Time that went by, a call.
        peak_mb: By how much the peak of resident memory grew over what was in use before.
    """

    cpu_ms: float = 0.0
    wall_ms: float = 0.0
    peak_mb: float = 0.0


def measure(case: Case, contender: Contender, place: Place) -> Measurement:
    """Run a contender and say what it cost."""
    calls, warm_up = (2, 1) if place.small else (case.calls, case.warm_up)
    result = Measurement()
    if contender.is_async:

        async def main() -> None:
            async with contender.open(place) as run:  # type: ignore[union-attr]
                await _do(run, warm_up)
                with _meter(result, calls, case.of_children):
                    await _do(run, calls)

        asyncio.run(main())
        return result
    with contender.open(place) as run:  # type: ignore[union-attr]
        run(warm_up)
        with _meter(result, calls, case.of_children):
            run(calls)
    return result


async def _do(run: Run, count: int) -> None:
    done = run(count)
    if inspect.isawaitable(done):
        await done


@contextmanager
def _meter(result: Measurement, calls: int, of_children: bool) -> Iterator[None]:
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    before = _forget_peak()
    used, began = _cpu(who), time.perf_counter()
    yield
    result.wall_ms = (time.perf_counter() - began) * 1000 / calls
    result.cpu_ms = (_cpu(who) - used) * 1000 / calls
    result.peak_mb = max(0.0, _status("VmHWM") - before)


def _cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _forget_peak() -> float:
    """Let the kernel begin a new peak; gives what is in use now, in MB (0 where it is unknown)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _status("VmHWM")
    return _status("VmRSS")


def _status(name: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(name))


def main() -> None:
    """Measure what the command line names, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("contender")
    parser.add_argument("url")
    parser.add_argument("shared", type=Path)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    case = CASES[given.case]
    with tempfile.TemporaryDirectory() as folder:
        place = Place(given.url, Path(folder), given.shared, given.small)
        json.dump(asdict(measure(case, case.contenders[given.contender], place)), sys.stdout)


if __name__ == "__main__":
    import benchmarks.contenders  # noqa: F401 -- makes the cases known

    main()
