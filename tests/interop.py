"""``make interop``: the manual's page "In other frameworks", run with the frameworks themselves.

Each snippet runs in a folder of its own against one sandbox, and must have drawn a picture and
upscaled it by its handle. Then every tool goes through every converter of schemas: see
`interop_converters`, which runs where the frameworks are installed. What needs Node.js is left out
without it. ``python -m tests.interop crewai autogen`` runs only these.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from visioncraft_sandbox import Sandbox

from langchain_visioncraft import MediaStore

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/recipes/frameworks.md"
BIN = Path(sys.executable).parent
INTEROP = BIN.parent / "interop"
NODE = INTEROP / "node"
PYTHON = INTEROP / "bin/python"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LONGEST = 300
"""Seconds of one snippet."""


class Snippet(NamedTuple):
    """One framework's example."""

    framework: str
    language: str
    code: str

    def command(self, folder: Path) -> list[str]:
        """How it is run in a folder."""
        if self.language == "python":
            return [str(PYTHON), "-c", self.code]
        (folder / "node_modules").symlink_to(NODE / "node_modules")
        if self.language == "sh":
            return ["bash", "-euc", self.code]
        (folder / "snippet.mjs").write_text(self.code)
        return ["node", "snippet.mjs"]


def snippets() -> list[Snippet]:
    """Those of the page, in its order."""
    sections = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    return [
        Snippet(section.partition("\n")[0], *found)
        for section in sections
        for found in FENCE.findall(section)
    ]


def problem_with(snippet: Snippet, url: str, folder: Path) -> str | None:
    """Run a snippet; what was wrong, if anything."""
    environment = {
        **os.environ,
        "VISIONCRAFT_BASE_URL": url,
        "VISIONCRAFT_API_KEY": "any",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        # No client looks for the network.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "CREWAI_DISABLE_TELEMETRY": "true",
        "CREWAI_TRACING_ENABLED": "false",
        "OTEL_SDK_DISABLED": "true",
    }
    try:
        ran = subprocess.run(
            snippet.command(folder),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {LONGEST} s"
    if ran.returncode:
        return f"exit code {ran.returncode}\n{ran.stdout[-3000:]}"
    return None if upscaled_by_handle(folder) else f"nothing was upscaled\n{ran.stdout[-3000:]}"


def upscaled_by_handle(folder: Path) -> bool:
    """Whether a picture was drawn here, and another made of it."""
    store = MediaStore(folder / "visioncraft-media")
    made = [store.provenance(medium.handle) for medium in store]
    drawn = [facts["handle"] for facts in made if facts["tool"] == "visioncraft_text_to_image"]
    return any(
        facts["tool"] == "visioncraft_upscale" and facts["sources"][0] in drawn for facts in made
    )


def main(names: list[str]) -> int:
    """Run all, or those that are named; the exit code."""
    wanted = [each for each in snippets() if not names or each.framework.lower() in names]
    failed = 0
    with Sandbox() as sandbox:
        for snippet in wanted:
            if snippet.language != "python" and not (shutil.which("node") and NODE.exists()):
                print(f"{snippet.framework}: left out, Node.js is not installed", flush=True)
                continue
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                problem = problem_with(snippet, sandbox.url, Path(folder))
            failed += problem is not None
            seconds = time.monotonic() - began
            print(f"{snippet.framework}: {problem or 'ok'} ({seconds:.0f} s)", flush=True)
    if not names:
        converters = [str(PYTHON), str(ROOT / "tests/interop_converters.py")]
        failed += subprocess.run(converters, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main([name.lower() for name in sys.argv[1:]]))
