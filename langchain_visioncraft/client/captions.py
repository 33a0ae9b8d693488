"""What was seen in a picture, and by what."""

from __future__ import annotations

from typing import Self


class Caption(str):
    """A caption: a text that also says what made it.

    ```python
    from langchain_visioncraft.client.captions import Caption

    caption = Caption("A cat.", engine="vision (…)")
    assert caption == "A cat."
    assert caption.engine == "vision (…)"
    ```

    Attributes:
        engine: What answered, if the host names it (``x-visioncraft-engine``, as the sandbox does):
            a model that was asked for is not always the one that answers.
    """

    __slots__ = ("engine",)

    engine: str | None

    def __new__(cls, text: str, engine: str | None = None) -> Self:
        """A caption from its text."""
        caption = super().__new__(cls, text)
        caption.engine = engine
        return caption
