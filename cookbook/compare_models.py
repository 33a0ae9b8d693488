"""Several models draw the same prompt with the same seed: a contact sheet and a gallery.

The sandbox draws for all models with one engine, so its pictures are all alike. Run it with
``python cookbook/compare_models.py``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from on_a_host import host

from langchain_visioncraft import Media, MediaStore, VisionCraftImage

MODELS = ["FLUX.1-dev-fp8", "DreamShaper-8", "AnimagineXL-3.1", "RealismFusion-V1"]


def compare(
    connection: dict[str, Any], store: MediaStore, prompt: str, models: list[str], seed: int = 7
) -> tuple[Media, str]:
    """The sheet, which is kept in the store, and the page."""
    draw = VisionCraftImage(
        **connection,
        store=store,
        width=512,
        height=512,
        cache=True,  # run again, it costs nothing
    )
    handles = [
        draw.invoke({"prompt": prompt, "model": model, "seed": seed}).split()[0] for model in models
    ]
    return store.contact_sheet(handles, captions=models), store.gallery(handles, title=prompt)


def main() -> None:
    """Compare four models."""
    store = MediaStore("demo_output/compared")
    with host() as connection:
        sheet, page = compare(connection, store, "a red fox in the snow", MODELS)
    path = Path("demo_output/compared/gallery.html")
    path.write_text(page, encoding="utf-8")
    print(sheet.location, path, sep="\n")


if __name__ == "__main__":
    main()
