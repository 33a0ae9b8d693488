"""Uses the installed wheels as a newcomer would; run by `.ci/try-wheel` away from the sources."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from importlib.metadata import files, metadata
from importlib.util import find_spec
from pathlib import Path

import langchain_visioncraft
from langchain_visioncraft import MediaStore, VisionCraftToolkit


def check(condition: object, what: str) -> None:
    """Fail loudly, also under ``python -O``."""
    if not condition:
        sys.exit(f"the wheel fails: {what}")


def alone() -> None:
    """What works without extras."""
    home = Path(langchain_visioncraft.__file__)
    check("site-packages" in home.parts, f"imported from {home}")
    names = {str(file) for file in files("langchain-visioncraft") or ()}
    check("langchain_visioncraft/py.typed" in names, "py.typed is missing")
    check(any(name.endswith("NOTICE") for name in names), "NOTICE is missing")
    check(not any(name.startswith("tests/") for name in names), "tests are in the wheel")
    check(metadata("langchain-visioncraft")["License-Expression"] == "MIT", "no licence")
    needs_extra = set()
    for name in langchain_visioncraft.__all__:
        try:
            getattr(langchain_visioncraft, name)
        except ImportError as error:
            check("pip install 'langchain-visioncraft[" in str(error), f"{name}: {error}")
            needs_extra.add(name)
    check(needs_extra == {"Budget", "ShowMedia"}, f"what needs an extra: {needs_extra}")
    check(len(VisionCraftToolkit(api_key="any").get_tools()) == 9, "the toolkit's tools")
    check(not find_spec("visioncraft_sandbox"), "the core alone must not bring the sandbox")


def in_use() -> None:
    """The way from words to a picture, to another, to a caption; sync and async."""
    names = {str(file) for file in files("visioncraft-sandbox") or ()}
    for name in ("py.typed", "page/static/htmx.min.js"):
        check(f"visioncraft_sandbox/{name}" in names, f"{name} is missing")
    with tempfile.TemporaryDirectory() as folder:
        toolkit = VisionCraftToolkit(store=MediaStore(Path(folder) / "media"), max_retries=6)
        tools = {tool.name: tool for tool in toolkit.get_tools()}
        drawn = tools["visioncraft_text_to_image"].invoke(
            {"prompt": "A lighthouse by the sea", "width": 256, "height": 256}
        )
        picture = {"image": drawn.split()[0]}
        changed = asyncio.run(
            tools["visioncraft_image_to_image"].ainvoke({**picture, "prompt": "at night"})
        )
        check("256x256" in drawn and "256x256" in changed, f"{drawn} / {changed}")
        check(tools["visioncraft_caption"].invoke(picture), "no caption")


{"alone": alone, "in-use": in_use}[sys.argv[1]]()
print(f"the wheels work: {sys.argv[1]}")  # noqa: T201 -- the result
