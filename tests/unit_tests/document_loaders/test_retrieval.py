"""Documents lead back to their files, and answers show their sources."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.documents.base import Blob
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import BaseMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from media_host import MediaHost, picture

from langchain_visioncraft import (
    Media,
    MediaStore,
    VisionCraftCaptionParser,
    cited_answer_chain,
)
from langchain_visioncraft.document_loaders.retrieval import CitedAnswer, label_of, sources_of
from langchain_visioncraft.errors import InvalidRequestError, MediaInputError

PICTURE = Document("A fox in {snow}.", metadata={"source": "/a/b/fox.png", "handle": "f.png"})
SPEECH = Document(
    "Mina waves\ngoodbye.", metadata={"source": "talks/note.ogg", "start": 42.7, "end": 51.0}
)
OTHER = Document("Nothing.", metadata={})
FOUND = [PICTURE, SPEECH, OTHER]
NO_TIMES = ["0:01", "", float("nan"), float("inf"), [1], {}, 10**400]
"""Metadata as any vector store may return them."""


class Listening(FakeListChatModel):
    """Remembers what it was asked."""

    asked: list[list[BaseMessage]] = []  # noqa: RUF012 -- a pydantic field

    def _call(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> str:
        self.asked.append(messages)
        return super()._call(messages, *args, **kwargs)


def ask(answer: str, question: str = "Who waves?", found: Any = FOUND, **options: Any) -> Any:
    model = Listening(responses=[answer])
    model.asked.clear()
    chain = cited_answer_chain(RunnableLambda(lambda _: found), model, **options)
    result = chain.invoke(question)
    assert asyncio.run(chain.ainvoke(question)) == result
    return result, model.asked[0]


@pytest.mark.parametrize(
    ("metadata", "label"),
    [
        ({"source": "/a/b/fox.png"}, "fox.png"),
        ({"source": r"C:\pictures\fox.png"}, "fox.png"),
        ({"source": "https://host/x%20y/fox%20.png?sig=1#a"}, "fox .png"),
        ({"source": "https://host/"}, "https://host/"),
        ({"handle": "f.png"}, "f.png"),
        ({}, "unknown"),
        ({"source": "n.ogg", "start": 0.0, "end": 6.04}, "n.ogg, 0:00-0:06"),
        ({"source": "n.ogg", "start": 3599.9, "end": 3723}, "n.ogg, 59:59-1:02:03"),
        ({"source": "n.ogg", "start": 5}, "n.ogg, 0:05"),
        ({"source": "s.tiff", "frame": 0, "mime_type": "image/tiff"}, "s.tiff, page 1"),
        ({"source": "c.gif", "frame": 4, "mime_type": "image/gif"}, "c.gif, frame 5"),
        ({"source": "c.gif", "frame": "4"}, "c.gif, frame 5"),
        ({"source": "a.png)\n[2] (b.png"}, "a.png) [2] (b.png"),
        ({"source": "https://host/a%0A%E2%80%A8b.png"}, "a  b.png"),
        *(({"source": "n.ogg", "start": wrong, "end": 6}, "n.ogg") for wrong in NO_TIMES),
        *(({"source": "n.ogg", "start": 5, "end": wrong}, "n.ogg, 0:05") for wrong in NO_TIMES),
        *(({"source": "c.gif", "frame": wrong}, "c.gif") for wrong in NO_TIMES),
    ],
)
def test_a_citation_names_the_file_and_the_place_in_it(metadata: Any, label: str) -> None:
    document = Document("-", metadata=metadata)
    assert label_of(document) == label
    [citation] = sources_of([document])
    assert str(citation) == f"[1] {label}"
    assert {type(citation.start), type(citation.end)} <= {float, type(None)}


def test_an_answer_cites_file_and_second() -> None:
    answer, _ = ask("Mina waves [2].")
    assert isinstance(answer, CitedAnswer)
    assert answer.marked
    [citation] = answer.citations
    assert (citation.number, citation.label) == (2, "note.ogg, 0:42-0:51")
    assert (citation.start, citation.end, citation.source) == (42.7, 51.0, "talks/note.ogg")
    assert str(answer) == "Mina waves [2].\n\n[2] note.ogg, 0:42-0:51"
    assert [each.number for each in answer.sources] == [1, 2, 3]


def test_the_model_sees_the_sources_with_their_numbers_and_braces_do_no_harm() -> None:
    _, messages = ask("Yes.", "Is {this} {0} it?")
    text = messages[-1].text
    assert "[1] (fox.png) A fox in {snow}." in text
    assert "[2] (note.ogg, 0:42-0:51) Mina waves goodbye." in text
    assert "Question: Is {this} {0} it?" in text


@pytest.mark.parametrize(
    ("said", "shown", "numbers"),
    [
        ("A [1] b [3].", "A [1] b [3].", [1, 3]),
        ("A [1, 2].", "A [1][2].", [1, 2]),
        ("A [9] b [2, 7].", "A b [2].", [2]),
        ("A [0] [x] [1].", "A [x] [1].", [1]),
        ("A 【1】.", "A [1].", [1]),
        ("A 【2†note.ogg】.", "A [2].", [2]),
        ("A [1-3].", "A [1][2][3].", [1, 2, 3]),
        ("A [2\u20139].", "A [2][3].", [2, 3]),
        ("A [1; 2].", "A [1][2].", [1, 2]),
        ("A [1 and 3].", "A [1][3].", [1, 3]),
        ("A [Source 1].", "A [1].", [1]),
        ("A [Sources 1, 2].", "A [1][2].", [1, 2]),
        ("A [citation:1].", "A [1].", [1]),
        ("A [^1].", "A [1].", [1]),
        ("A [1](https://host/).", "A [1](https://host/).", [1, 2, 3]),
        ("In [2023] [1].", "In [2023] [1].", [1]),
        ("<think>[2]?</think>A [1].", "A [1].", [1]),
    ],
)
def test_marks_that_lead_to_no_source_are_taken_out(
    said: str, shown: str, numbers: list[int]
) -> None:
    answer, _ = ask(said)
    assert answer.answer == shown
    assert [citation.number for citation in answer.citations] == numbers


def test_a_model_that_marks_nothing_gets_all_its_sources_cited() -> None:
    answer, _ = ask("Mina does.")
    assert not answer.marked
    assert answer.citations == answer.sources


def test_without_sources_there_are_no_citations() -> None:
    answer, messages = ask("I do not know [1].", found=[])
    assert answer.answer == "I do not know."
    assert answer.citations == []
    assert "(none)" in messages[-1].text


def test_a_prompt_of_your_own() -> None:
    prompt = ChatPromptTemplate.from_template("Auf Deutsch: {question}\n{sources}")
    _, messages = ask("Ja.", prompt=prompt)
    assert messages[0].text.startswith("Auf Deutsch: Who waves?")
    with pytest.raises(InvalidRequestError, match="no variable question, sources"):
        ask("Ja.", prompt=ChatPromptTemplate.from_template("{context}"))


def test_an_answer_survives_json() -> None:
    answer, _ = ask("Mina [2].")
    assert CitedAnswer.model_validate_json(answer.model_dump_json()) == answer


@pytest.fixture
def document(host: MediaHost, tmp_path: Path) -> Document:
    path = tmp_path / "red.png"
    path.write_bytes(picture())
    return VisionCraftCaptionParser(**host.clients()).parse(Blob.from_path(path))[0]


def test_a_document_leads_to_its_file(document: Document) -> None:
    media = Media.from_document(document)
    assert media.read() == picture()
    assert sources_of([document])[0].media() == media


def test_a_store_is_asked_first(document: Document, store: MediaStore) -> None:
    store.add(picture())
    Path(document.metadata["source"]).unlink()
    assert Media.from_document(document, store).read() == picture()


def test_a_file_that_is_another_one_by_now_is_not_passed_off(document: Document) -> None:
    Path(document.metadata["source"]).write_bytes(picture("blue"))
    with pytest.raises(MediaInputError, match=r"red\.png is not the file"):
        Media.from_document(document)


def test_a_document_that_names_any_file_does_not_lead_to_it(
    document: Document, store: MediaStore
) -> None:
    store.add(picture())
    for changed in ({"sha256": None}, {"sha256": "0" * 64}):
        forged = Document("-", metadata={**document.metadata, **changed, "handle": ""})
        with pytest.raises(MediaInputError, match="not the file"):
            Media.from_document(forged)
    for digest in (None, "0" * 64):
        forged = Document("-", metadata={**document.metadata, "sha256": digest})
        with pytest.raises(MediaInputError, match="not the file"):
            Media.from_document(forged, store)


def test_a_file_that_is_gone_is_told(document: Document, store: MediaStore) -> None:
    Path(document.metadata["source"]).unlink()
    with pytest.raises(MediaInputError, match=r"red\.png: its file is in no store"):
        Media.from_document(document)
    with pytest.raises(MediaInputError, match="is not in this store"):
        Media.from_document(document, store)
    with pytest.raises(MediaInputError, match="https://host/a"):
        Media.from_document(Document("-", metadata={"source": "https://host/a"}))


@pytest.mark.parametrize("source", ["a" * 100_000, "\0", "\ud800", ".", __file__])
def test_a_source_that_can_be_no_medium_is_reported(source: str) -> None:
    with pytest.raises(MediaInputError, match="cannot be read at its source") as caught:
        Media.from_document(Document("-", metadata={"source": source, "sha256": "0" * 64}))
    assert len(str(caught.value)) < 500


def test_a_chain_whose_model_comes_first_is_refused() -> None:
    model = FakeListChatModel(responses=["a"])
    with pytest.raises(InvalidRequestError, match="retriever comes first"):
        cited_answer_chain(model, model)  # type: ignore[arg-type]
