"""Runs the groups one after another and prints a line for each.

``python -m attack [GROUP]… [--seconds 20]``, with ``tests`` in ``PYTHONPATH`` as in `make attack`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from attack import GROUPS

SECONDS = 20.0
SHOWN = 10


def main() -> int:
    """Run the groups that are named, or all; 1 if something did not hold."""
    parser = argparse.ArgumentParser(prog="attack", description=__doc__.partition("\n")[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each fuzzer")
    given = parser.parse_args()
    if unknown := set(given.groups) - set(GROUPS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; the groups are {', '.join(GROUPS)}")
    failed = 0
    for name in given.groups or GROUPS:
        began = time.monotonic()
        outcome = importlib.import_module(GROUPS[name]).attack(given.seconds)
        failed += bool(outcome.failures)
        seconds = time.monotonic() - began
        verdict = f"{len(outcome.failures)} FAILED" if outcome.failures else "held"
        lines = [f"{name:<12} {outcome.tried:<52} {seconds:6.1f} s  {verdict}"]
        lines += [f"    {failure[:300]}" for failure in outcome.failures[:SHOWN]]
        sys.stdout.write("\n".join([*lines, ""]))
        sys.stdout.flush()
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
