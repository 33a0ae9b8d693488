"""Small faults are put into the package, one at a time: the tests that see none are too weak.

``python -m tests.mutants`` changes a copy, runs the unit tests that matter for the changed module,
and prints each change that they let through. Which changes are tried depends on the seed alone.
The operators are cosmic-ray's; its runner would start an interpreter for each change, while here
a process that has imported everything is forked.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[1]
PACKAGE = "langchain_visioncraft"
PARTS = ("client", "tools", "chat_models")
"""Folders of the package; their unit tests are in folders of the same names."""
ALSO = ("tests/unit_tests/test_documented_parameters.py", "tests/unit_tests/test_errors.py")
"""Unit tests of rules that hold in all of them."""
IMPORTED = (
    *("langchain_openai", "langchain.agents", "langgraph.graph", "openai.resources.chat"),
    *("hypothesis.strategies", "pydantic", "httpx", "starlette.applications", "uvicorn"),
    *("numpy", "PIL.Image", "av", "fsspec"),
)
"""What most tests import, and what holds nothing of this package."""


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    module: str
    source: str = field(repr=False)
    operator: str
    occurrence: int
    line: int

    @property
    def part(self) -> str:
        """The folder of the package that the module is in."""
        return self.module.split("/")[1]

    def changed(self) -> str:
        """The module with the change in it."""
        code: str = mutate_code(self.source, get_operator(self.operator)(), self.occurrence)
        return code

    def diff(self) -> str:
        """The change as a patch."""
        texts = self.source, self.changed()
        before, after = (text.splitlines(keepends=True) for text in texts)
        return "".join(difflib.unified_diff(before, after, self.module, self.module, n=2))


def sample(seed: int, count: int) -> list[Mutant]:
    """Places in the package, and one change at each."""
    places: dict[tuple[str, Any], list[Mutant]] = {}
    operators = {name: get_operator(name) for name in operator_names()}
    usable = {name: kind() for name, kind in operators.items() if not kind.arguments()}
    for path in sorted(path for part in PARTS for path in (ROOT / PACKAGE / part).rglob("*.py")):
        module, source = path.relative_to(ROOT).as_posix(), path.read_text()
        nodes = list(ast_nodes(get_ast(source)))
        for name, operator in usable.items():
            found = [(node, *at) for node in nodes for at in operator.mutation_positions(node)]
            for occurrence, (node, start, _) in enumerate(found):
                if not is_annotation(node):
                    mutant = Mutant(module, source, name, occurrence, start[0])
                    places.setdefault((module, start), []).append(mutant)
    chosen = random.Random(seed)
    order = chosen.sample(sorted(places), len(places))  # whole: a larger sample holds a smaller
    return [chosen.choice(places[place]) for place in order][:count]


def is_annotation(node: Any) -> bool:
    """Whether it is part of a type, which is not run."""
    while node.parent is not None:
        above, index = node.parent, node.parent.children.index(node)
        if (above.type == "annassign" and index == 1) or (above.type == "tfpdef" and index == 2):
            return True
        if above.type == "funcdef" and node is above.annotation:
            return True
        node = above
    return False


@dataclass
class Copy:
    """A copy of the project, in which one change at a time is tried."""

    folder: Path
    mutant: Mutant | None = None
    process: int = 0
    began: float = 0.0
    age: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        tracked = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in filter(None, tracked.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name)

    def write(self, module: str, text: str) -> None:
        """Change a module; compiled code is distinguished from older code by its age."""
        path = self.folder / module
        path.write_text(text)
        self.age += 2
        os.utime(path, (self.age, self.age))

    def start(self, part: str, mutant: Mutant | None = None) -> None:
        """Run the tests of a part in a forked process, until one of them fails."""
        self.mutant, self.began = mutant, time.monotonic()
        tests, first = f"tests/unit_tests/{part}", list[str]()
        if mutant is not None:
            self.write(mutant.module, mutant.changed())
            stem = Path(mutant.module).stem.removesuffix("s")
            first = sorted(str(path) for path in (ROOT / tests).glob(f"test_*{stem}*.py"))
            first = [str(Path(path).relative_to(ROOT)) for path in first]
        self.process = os.fork()
        if self.process == 0:
            os._exit(run_tests(self.folder, [*first, tests, *ALSO]))

    def ended(self, limit: float) -> str | None:
        """What became of the change, once it is known."""
        process, status = os.waitpid(self.process, os.WNOHANG)
        if process == 0:
            if time.monotonic() - self.began < limit:
                return None
            os.killpg(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        if self.mutant is not None:
            self.write(self.mutant.module, self.mutant.source)
        if process == 0:
            return "timed out"
        code = os.waitstatus_to_exitcode(status)
        return "survived" if code == pytest.ExitCode.OK else "killed"


def run_tests(folder: Path, tests: list[str]) -> int:
    """In the forked process: the exit code of pytest, which says nothing."""
    os.setpgid(0, 0)
    os.chdir(folder)
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in ("", str(ROOT)))]
    os.environ["PYTHONPATH"] = str(folder)
    sys.modules.pop("tests", None)
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    options = ["-x", "-q", "--assert=plain", "-p", "no:xdist", "-p", "no:randomly"]
    return int(pytest.main([*options, "--rootdir", str(folder), *tests]))


def tried(
    mutants: list[Mutant], copies: list[Copy], seconds: float
) -> Iterator[tuple[Mutant, str]]:
    """Each change, and what became of it; what is not begun in time is left out."""
    until = time.monotonic() + seconds
    limits = dict(measured(copies))
    waiting, busy = list(reversed(mutants)), []
    while waiting or busy:
        while waiting and copies and time.monotonic() < until:
            mutant, copy = waiting.pop(), copies.pop()
            copy.start(mutant.part, mutant)
            busy.append(copy)
        if not busy:
            return
        for copy in list(busy):
            outcome = copy.ended(limits[copy.mutant.part]) if copy.mutant else None
            if outcome is not None:
                busy.remove(copy)
                copies.append(copy)
                assert copy.mutant is not None
                yield copy.mutant, outcome
        time.sleep(0.02)


def measured(copies: list[Copy]) -> Iterator[tuple[str, float]]:
    """How many seconds the tests of each part may take. Unchanged, they must pass."""
    for part in PARTS:
        copies[0].start(part)
        outcome = None
        while outcome is None:
            time.sleep(0.02)
            outcome = copies[0].ended(limit=3600)
        if outcome != "survived":
            sys.exit(f"The tests of {part} fail in a copy without a change.")
        taken = time.monotonic() - copies[0].began
        say(f"{part}: its tests take {taken:.0f} s")
        yield part, 3 * taken + 30


def say(text: str) -> None:
    """Show a line at once, also in a pipe."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Try a sample, and print what survived."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=1, help="another seed, other changes")
    parser.add_argument("--mutants", type=int, default=150, help="how many changes are tried")
    parser.add_argument("--minutes", type=float, default=14, help="after which none is begun")
    parser.add_argument("--workers", type=int, default=2, help="how many are tried at once")
    told = parser.parse_args()
    for name in IMPORTED:
        importlib.import_module(name)
    mutants, found = sample(told.seed, told.mutants), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = [Copy(Path(folder) / str(number)) for number in range(told.workers)]
        for mutant, outcome in tried(mutants, copies, told.minutes * 60):
            found[outcome] += 1
            say(f"{outcome:9} {mutant.module}:{mutant.line} {mutant.operator}")
            if outcome == "survived":
                say(mutant.diff())
    left = told.mutants - found.total()
    say(f"seed {told.seed}: {', '.join(f'{found[name]} {name}' for name in sorted(found))}")
    say(f"{left} not tried: the time was over" if left > 0 else "all were tried")


if __name__ == "__main__":
    main()
