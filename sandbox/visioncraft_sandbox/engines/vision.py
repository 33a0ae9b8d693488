"""The vision engine: descriptions of pictures, and answers to questions about them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from visioncraft_sandbox.engines.answering import answer
from visioncraft_sandbox.engines.eyes import Eyes
from visioncraft_sandbox.engines.looking import Looked


def describe(images: Sequence[Image.Image], question: str = "", *, eyes: Eyes | None = None) -> str:
    """Describe pictures, or answer a question about them, in plain sentences.

    What is seen, read, measured and stored in the file stands in sentences of its own. Below their
    thresholds the models say nothing; a question that they cannot answer gets "I cannot tell".

    Args:
        images: The pictures, as opened from their files.
        question: The question. Without one, or if it asks for a description, everything is listed.
        eyes: The models; without them only measurements and the files' own text are used.
    """
    return answer([Looked(image, eyes) for image in images], question)
