"""Uses the installed wheel as a newcomer would; run by `.ci/try-wheel` away from the sources."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from importlib.metadata import files, metadata
from pathlib import Path

import langchain_visioncraft
from langchain_visioncraft import MediaStore, VisionCraftToolkit


def check(condition: object, what: str) -> None:
    """Fail loudly, also under ``python -O``."""
    if not condition:
        sys.exit(f"the wheel fails: {what}")


def core() -> None:
    """What works without extras."""
    home = Path(langchain_visioncraft.__file__)
    check("site-packages" in home.parts, f"imported from {home}")
    names = {str(file) for file in files("langchain-visioncraft") or ()}
    check("langchain_visioncraft/py.typed" in names, "py.typed is missing")
    check(any(name.endswith("NOTICE") for name in names), "NOTICE is missing")
    check(not any(name.startswith("tests/") for name in names), "tests are in the wheel")
    check(metadata("langchain-visioncraft")["License-Expression"] == "MIT", "no licence")
    for name in langchain_visioncraft.__all__:
        getattr(langchain_visioncraft, name)
    check(len(VisionCraftToolkit(api_key="any").get_tools()) == 9, "the toolkit's tools")
    try:
        from langchain_visioncraft.sandbox import Sandbox

        Sandbox()
    except ImportError as error:
        check("langchain-visioncraft[sandbox]" in str(error), f"unhelpful: {error}")
    else:
        sys.exit("the core alone must not bring the sandbox's packages")


def sandbox() -> None:
    """The way from picture to larger picture, sync and async, on a sandbox with its models."""
    from langchain_visioncraft.sandbox import Sandbox

    with tempfile.TemporaryDirectory() as folder, Sandbox() as running:
        toolkit = VisionCraftToolkit(
            api_key="any", base_url=running.url, store=MediaStore(Path(folder) / "media")
        )
        tools = {tool.name: tool for tool in toolkit.get_tools()}
        drawn = tools["visioncraft_text_to_image"].invoke(
            {"prompt": "A lighthouse by the sea", "width": 256, "height": 256}
        )
        larger = asyncio.run(
            tools["visioncraft_upscale"].ainvoke({"image": drawn.split()[0], "resize": 2})
        )
        check("256x256" in drawn and "512x512" in larger, f"{drawn} / {larger}")
        check(tools["visioncraft_caption"].invoke({"image": larger.split()[0]}), "no caption")


{"core": core, "sandbox": sandbox}[sys.argv[1]]()
print(f"the wheel works ({sys.argv[1]})")  # noqa: T201 -- the result
