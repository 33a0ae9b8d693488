"""Looks for leaks: an hour of mixed agent traffic in minutes, with faults in every twentieth call.

    python -m benchmarks.soak               # 1,800 turns, one for every two seconds of an hour
    python -m benchmarks.soak --turns 200

The sandbox runs in a process of its own. Memory, open files, threads and temporary files of both
processes are looked at all the time; growth, or an error that is none of ours, ends with status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.soak_traffic import Traffic, turns
from langchain_visioncraft import VisionCraftError

FAULTS = (
    "* status=503 every=60 times=999999",
    "* hang_up=mid-body every=70 times=999999",
    "* status=429 retry_after=0 every=80 times=999999",
    "* truncate=0.5 every=90 times=999999",
)
"""Together they meet every twentieth call (1/60 + 1/70 + 1/80 + 1/90 = 5.5 %)."""


@dataclass(frozen=True)
class Sample:
    """What a process holds at one moment: megabytes of memory, and numbers of the rest."""

    turns: int
    memory: float
    sandbox_memory: float
    files: int
    threads: int
    temporary: int


ALLOWED = {"memory": 12.0, "sandbox_memory": 12.0, "files": 4, "threads": 2, "temporary": 0}
"""How much more there may be at the end than after the warm-up: noise of the allocator, a pool
that has one connection more than before."""


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """How much each figure grew after the first third, along the straight line that fits best."""
    late = samples[len(samples) // 3 :]
    count = [float(sample.turns) for sample in late]
    middle = sum(count) / len(count)
    spread = sum((x - middle) ** 2 for x in count)
    found = {}
    for name in ALLOWED:
        values = [float(getattr(sample, name)) for sample in late]
        mean = sum(values) / len(values)
        rise = sum((x - middle) * (y - mean) for x, y in zip(count, values, strict=True))
        found[name] = rise / spread * (count[-1] - count[0]) if spread else 0.0
    return found


def grown(samples: Sequence[Sample]) -> list[str]:
    """The figures that grew by more than is allowed."""
    return [name for name, more in growth(samples).items() if more > ALLOWED[name]]


def as_text(samples: Sequence[Sample]) -> str:
    """Start, middle and end of each figure, and the slope of a thousand turns."""
    span = samples[-1].turns - samples[len(samples) // 3].turns
    head = f"{'':16}{'start':>10}{'middle':>10}{'end':>10}{'per 1,000 turns':>18}"
    lines = [head]
    first, half, last = samples[0], samples[len(samples) // 2], samples[-1]
    for name, more in growth(samples).items():
        figures = "".join(f"{getattr(each, name):10.1f}" for each in (first, half, last))
        lines.append(f"{name:16}{figures}{more / max(span, 1) * 1000:18.2f}")
    return "\n".join(lines)


def sample(number: int, sandbox: int, temporary: Path, store: Path) -> Sample:
    """Look at this process and at the sandbox's."""
    gc.collect()
    left = [*temporary.iterdir(), *(store / ".incoming").glob("*")]
    return Sample(
        turns=number,
        memory=_memory("self"),
        sandbox_memory=_memory(str(sandbox)),
        files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
        threads=sum(1 for _ in Path("/proc/self/task").iterdir()),
        temporary=len(left),
    )


def _memory(process: str) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@contextlib.contextmanager
def sandbox_process() -> Iterator[tuple[int, str]]:
    """A sandbox with faults in a process of its own: its number, and its URL."""
    command = [sys.executable, "-m", "benchmarks.soak", "--serve"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.terminate()


def serve() -> None:
    """Be that process."""
    from visioncraft_sandbox import Sandbox

    # What it remembers on purpose is soon full, so that only a leak grows.
    memory = {"requests_kept": 50, "files_max_bytes": 1 << 20}
    with Sandbox(models=False, faults=FAULTS, page=False, **memory) as sandbox:
        print(sandbox.url, flush=True)
        sys.stdin.read()


def soak(
    count: int, url: str, process: int, folder: Path, *, workers: int = 3, every: int = 24
) -> tuple[list[Sample], Counter[str], list[str]]:
    """Do so many turns; gives samples, what was done or failed, and errors that are not ours."""
    temporary = folder / "temporary"
    temporary.mkdir()
    before, tempfile.tempdir = tempfile.tempdir, str(temporary)
    traffic = Traffic(url, folder)
    samples: list[Sample] = []
    told: Counter[str] = Counter()
    strange: list[str] = []
    work = list(turns(traffic, count))

    def run(name: str, act: object) -> None:
        try:
            act()  # type: ignore[operator]
            told[name] += 1
        except VisionCraftError as error:
            told[f"{name}: {type(error).__name__}"] += 1
        except Exception as error:  # noqa: BLE001 -- that is what is looked for
            strange.append(f"{name}: {error!r}")

    try:
        with ThreadPoolExecutor(workers) as pool:
            for start in range(0, count, every):
                batch = work[start : start + every]
                list(pool.map(lambda turn: run(*turn), batch))
                done = start + len(batch)
                samples.append(sample(done, process, temporary, folder / "store"))
                print(f"\r{done:,}/{count:,} turns", end="", file=sys.stderr, flush=True)
    finally:
        tempfile.tempdir = before
    return samples, told, strange


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--turns", type=int, default=1800, help="default: 1800")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return 0
    for name in [each for each in os.environ if each.startswith(("LANGSMITH_", "LANGCHAIN_"))]:
        del os.environ[name]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, sandbox_process() as (process, url):
        samples, told, strange = soak(given.turns, url, process, Path(folder))
    print(f"\r{given.turns:,} turns in {time.monotonic() - began:.0f} s")
    for name, times in sorted(told.items()):
        print(f"  {times:6,}  {name}")
    print(as_text(samples))
    for error in sorted(set(strange)):
        print(f"not an error of this package: {error}")
    for name in grown(samples):
        print(f"{name} grew by more than {ALLOWED[name]}")
    return 1 if strange or grown(samples) else 0


if __name__ == "__main__":
    sys.exit(main())
