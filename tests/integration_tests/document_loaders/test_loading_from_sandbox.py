"""The true engines of the sandbox, from file to document."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents.base import Blob
from visioncraft_sandbox import Sandbox

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftMediaLoader,
    VisionCraftTextToImage,
    VisionCraftTranscriptParser,
)

NOTE = Path(__file__).parents[3] / "cookbook/assets/spoken_note.ogg"


@pytest.fixture
def connection(sandbox: Sandbox) -> dict[str, Any]:
    return {"api_key": "any", "base_url": sandbox.url}


def test_a_drawing_is_found_by_the_words_it_was_made_from(
    connection: dict[str, Any], store: MediaStore
) -> None:
    draw = VisionCraftTextToImage(store=store, width=256, height=192, **connection)
    handle = draw.invoke({"prompt": "A red fox in the snow"}).split()[0]
    [document] = asyncio.run(VisionCraftMediaLoader(store, **connection).aload())
    assert "A red fox in the snow" in document.page_content
    assert Media.from_document(document, store).handle == handle


@pytest.mark.parametrize("chunk_seconds", [None, 5])
def test_a_voice_note_is_heard_with_its_times(
    connection: dict[str, Any], chunk_seconds: float | None
) -> None:
    parser = VisionCraftTranscriptParser(chunk_seconds=chunk_seconds, **connection)
    documents = parser.parse(Blob.from_path(NOTE))
    text = " ".join(document.page_content for document in documents)
    assert "this is the author" in text
    assert "in a wooden boat under the stars" in text
    [cat] = [document for document in documents if "orange cat" in document.page_content]
    assert cat.metadata["end"] <= 11.4
    if chunk_seconds:
        assert cat.metadata["start"] == pytest.approx(6.8, abs=0.5)
