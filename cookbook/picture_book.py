"""A picture book whose character stays the same, thanks to a reference picture and one seed.

The first picture shows the character alone. Each page starts from it (`init_image`), with the same
seed and the same words for the character. Run it with ``python cookbook/picture_book.py``.
"""

from __future__ import annotations

from typing import Any

from on_a_host import host

from langchain_visioncraft import Media, MediaStore, VisionCraftImage

HERO = "a small orange cat"
PAGES = [
    "on a hill by a lighthouse",
    "beside a sailboat on the sea at night",
    "in a meadow of flowers",
]


def illustrate(
    connection: dict[str, Any], store: MediaStore, hero: str, pages: list[str], seed: int = 11
) -> list[Media]:
    """The character, and a picture for each page."""
    draw = VisionCraftImage(
        **connection, store=store, width=512, height=512, seed=seed, style="storybook"
    )
    first = draw.invoke({"prompt": f"{hero}, alone"}).split()[0]
    handles = [first]
    for page in pages:
        drawn = draw.invoke(
            # Less than 1 keeps something of the picture that it starts from.
            {"prompt": f"{hero}, {page}", "init_image": first, "denoising_strength": 0.7}
        )
        handles.append(drawn.split()[0])
    return [store.get(handle) for handle in handles]


def main() -> None:
    """Draw the book, and put its pages side by side."""
    store = MediaStore("demo_output/book")
    with host() as connection:
        pages = illustrate(connection, store, HERO, PAGES)
    sheet = store.contact_sheet([page.handle for page in pages], captions=[HERO, *PAGES])
    print(sheet.location)


if __name__ == "__main__":
    main()
