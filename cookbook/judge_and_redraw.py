"""A vision model compares each picture with the request, and a wrong picture is drawn again.

The budget is a number of pictures. Run it with ``python cookbook/judge_and_redraw.py``.
"""

from __future__ import annotations

from typing import Any

from on_a_host import host

from langchain_visioncraft import Media, MediaStore, VisionCraftCaption, VisionCraftToolkit

QUESTION = "Describe this picture: what is in it, where is it, what time of day is it?"


def judge(caption: str, wanted: list[str]) -> list[str]:
    """What of the request is not in the picture, by what the vision model saw."""
    return [word for word in wanted if word.lower() not in caption.lower()]


def draw_until_right(
    connection: dict[str, Any],
    store: MediaStore,
    prompt: str,
    wanted: list[str],
    *,
    budget: int = 4,
) -> list[tuple[Media, list[str]]]:
    """Each picture that was drawn, with what it lacks; the last is the best that could be had."""
    toolkit = VisionCraftToolkit(**connection, store=store, text_to_image="image")
    look = VisionCraftCaption(**connection, store=store)
    tries: list[tuple[Media, list[str]]] = []
    asked = prompt
    draw = toolkit.get_tools()[0]
    for _ in range(budget):
        handle = draw.invoke({"prompt": asked, "width": 512, "height": 384}).split()[0]
        missing = judge(look.invoke({"image": handle, "prompt": QUESTION}), wanted)
        tries.append((store.get(handle), missing))
        if not missing:
            break
        # What was missed comes first, where image models look first.
        asked = f"{', '.join(missing)}; {prompt}"
    return sorted(tries, key=lambda each: -len(each[1]))


def main() -> None:
    """Draw a lighthouse until the vision model sees all of it."""
    store = MediaStore("demo_output/judged")
    with host() as connection:
        tries = draw_until_right(
            connection, store, "a lighthouse by the sea at night", ["lighthouse", "night"]
        )
    for media, missing in tries:
        print(media.describe(), "lacks", ", ".join(missing) or "nothing")


if __name__ == "__main__":
    main()
