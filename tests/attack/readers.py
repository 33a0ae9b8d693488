"""Everything that reads text which others wrote, by name. A new reader belongs in this table."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from visioncraft_sandbox.backends.speech import in_one_line
from visioncraft_sandbox.engines.answer_schemas import Reader, served
from visioncraft_sandbox.engines.parameters import split_parameters
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.hiding import is_secret_name, shown_text
from visioncraft_sandbox.planner.conversation import read_conversation
from visioncraft_sandbox.planner.planner import plan
from visioncraft_sandbox.planner.tools import Tool

from langchain_visioncraft._flows import Steps, run
from langchain_visioncraft._json import JsonReader
from langchain_visioncraft._reasoning import ReasoningSplitter, split_reasoning
from langchain_visioncraft._redact import Redactor
from langchain_visioncraft._schemas import coerced, problems
from langchain_visioncraft.chat_models.bound_tools import PromptedTools
from langchain_visioncraft.chat_models.constrained import ConstrainedTools
from langchain_visioncraft.chat_models.history import as_text
from langchain_visioncraft.chat_models.normalizing import normalized
from langchain_visioncraft.chat_models.objects import object_in
from langchain_visioncraft.chat_models.prompted.calls import Offered
from langchain_visioncraft.chat_models.prompted.reading import CallReader
from langchain_visioncraft.chat_models.streams import NormalizedStream
from langchain_visioncraft.chat_models.structured import AnswerParser, PromptedAnswer
from langchain_visioncraft.client.answers import service_message
from langchain_visioncraft.client.decode import media_from, text_from
from langchain_visioncraft.client.links import check_link
from langchain_visioncraft.client.refusals import redirected, retry_after, unknown_kind
from langchain_visioncraft.client.serving import _redirect_of
from langchain_visioncraft.client.subtitles import write_subtitles
from langchain_visioncraft.client.transcripts import Transcript
from langchain_visioncraft.document_loaders.retrieval import _checked_marks, label_of
from langchain_visioncraft.document_loaders.transcripts import Passage, joined, windows
from langchain_visioncraft.media.animations import animation_of
from langchain_visioncraft.media.handles import candidates
from langchain_visioncraft.media.inputs import parse_source
from langchain_visioncraft.media.inspection import media_info, truncation_of, type_of
from langchain_visioncraft.media.ordinary import ordinary_format
from langchain_visioncraft.media.places import HeldBytes
from langchain_visioncraft.media.sidecar import read_sidecar
from langchain_visioncraft.media.urls import percent_encoded, without_secrets

SCHEMA = {
    "type": "object",
    "properties": {"prompt": {"type": "string"}, "tags": {"type": "array"}},
    "required": ["prompt"],
}
FORM = {"name": "draw", "parameters": SCHEMA}
OFFERED = Offered({"draw": SCHEMA, "limits": {"type": "object", "properties": {}}})
CONSTRAINED = ConstrainedTools([{"name": "draw", "parameters": SCHEMA}])
PLANNED = [Tool({"type": "function", "function": {**FORM, "description": "Draws a picture."}})]
LINK = check_link("http://service.test/a", base_url="http://service.test", endpoint="GET /")
PIECE = 8
"""Characters of a token, about: streams arrive in pieces."""

Work = Callable[[str], Any]


def _redirect(text: str) -> Any:
    return SimpleNamespace(status_code=302, headers={"location": text})


def _whole(reader: Callable[[], Any]) -> Work:
    def work(text: str) -> None:
        reading = reader()
        reading.feed(text)
        reading.finish()

    return work


def _in_pieces(reader: Callable[[], Any]) -> Work:
    def work(text: str) -> None:
        reading = reader()
        for at in range(0, len(text), PIECE):
            reading.feed(text[at : at + PIECE])
        reading.finish()

    return work


def _nested(text: str) -> list[list[list[str]]]:
    """Texts of which none holds another, in lists that are short."""
    parts = [f"{number}x{text[number : number + 4]}" for number in range(0, len(text), 4)]
    pairs = [parts[at : at + 20] for at in range(0, len(parts), 20)]
    return [pairs[at : at + 20] for at in range(0, len(pairs), 20)]


def _cut_off(text: str) -> None:
    """An answer that reached its greatest length within a call."""
    reading = PromptedTools([FORM]).reading(correct=True)
    reading.feed(f'<tool_call>{{"name": "draw", "arguments": {{"prompt": "{text}')
    reading.finish(cut_off=True)

    def again(_: list[BaseMessage]) -> Steps[ChatResult]:
        yield from ()
        return ChatResult(generations=[ChatGeneration(message=AIMessage(text))])

    run(reading.held_back([HumanMessage("Draw a house.")], again))


def _structured_stream(text: str) -> None:
    """As LangChain streams structured output: each piece is parsed with all before it."""
    reading = PromptedAnswer(FORM).reading(correct=False)
    parser = AnswerParser(form=FORM)
    begun = '{"prompt": "'
    chunks = (
        AIMessage("".join(given))
        for at in range(-4 * PIECE, len(text), 4 * PIECE)
        if (given := reading.feed(text[at : at + 4 * PIECE] if at >= 0 else begun))
    )
    for _ in parser.transform(iter(chunks)):
        pass


def _streamed_arguments(text: str) -> None:
    stream = NormalizedStream()
    for at in range(0, len(text), PIECE):
        function = {"name": "draw" if not at else None, "arguments": text[at : at + PIECE]}
        delta = {"tool_calls": [{"index": 0, "id": "1", "function": function}]}
        list(stream.read({"choices": [{"index": 0, "delta": delta}]}))
    list(stream.end())


def _streamed_content(text: str) -> None:
    stream = NormalizedStream()
    for at in range(0, len(text), PIECE):
        delta = {"content": text[at : at + PIECE], "reasoning": text[at : at + PIECE]}
        list(stream.read({"choices": [{"index": 0, "delta": delta}]}))


def _event_of_pieces(text: str) -> None:
    """All pieces of a call at once."""
    pieces = [
        {"index": 0, "id": "1", "function": {"name": "draw", "arguments": text[at : at + PIECE]}}
        for at in range(0, len(text), PIECE)
    ]
    list(NormalizedStream().read({"choices": [{"index": 0, "delta": {"tool_calls": pieces}}]}))


def _normalized(text: str) -> None:
    function = {"name": "draw", "arguments": text}
    parts = {"content": [{"type": "text", "text": text}], "tool_calls": [{"function": function}]}
    normalized({"choices": [{"message": {"role": "assistant", **parts}}]})


class _Said(HeldBytes):
    """An answer of a host."""

    endpoint, base_url, announced_type = "POST /sd", "http://service.test", None
    engine = None
    redact = Redactor("sk-12345678")

    def __init__(self, text: str) -> None:
        super().__init__(text.encode())
        self.size = len(text.encode())
        self.mime_type = type_of(text.encode())


def _decoded(text: str) -> None:
    for said in (text, json.dumps({"images": [text], "error": None}), json.dumps({"url": text})):
        next(iter(media_from(_Said(said))), None)


def _history(text: str) -> None:
    call = {"name": "draw", "args": {"prompt": text}, "id": "1"}
    said = [HumanMessage(text), AIMessage(text, tool_calls=[call])]
    as_text([*said, ToolMessage(text, tool_call_id="1")])


def _transcript(text: str) -> None:
    parts = [text[at : at + 200] for at in range(0, len(text), 200)]
    segments = [{"start": number, "text": part} for number, part in enumerate(parts)]
    Transcript.model_validate({"text": text, "segments": segments}).to_srt()


def _windows(text: str) -> None:
    """Passages that fit only the next window, each before one that begins as early and is short."""
    count = len(text) // 8
    passages = [Passage(at / 1000, at / 1000, text[at : at + 4]) for at in range(count)]
    for at in range(count):
        passages += [Passage(count / 1000, 60 + at / 1000, "a"), Passage(count / 1000, 1.0, "b")]
    for window in windows(passages, 60, 10):
        joined(window)


def _overlapping(text: str) -> None:
    for first, second in ((text, text), (f"{text} b", f"{text} c")):
        documents = [
            Document(first, metadata={"start": 0.0, "end": 60.0}),
            Document(second, metadata={"start": 30.0, "end": 90.0}),
        ]
        Transcript.from_documents(documents)


def _many_documents(text: str) -> None:
    """A long document, and many short ones that repeat its end."""
    words = [*text.split(), "a"]
    times = {"start": 1.0, "end": 60.0}
    short = [Document(words[-1], metadata=times) for _ in range(len(text) // 8)]
    long = Document(" ".join(words), metadata={**times, "start": 0.0})
    Transcript.from_documents([long, *short])


def _png(text: str) -> None:
    data = text.encode()
    chunk = len(data).to_bytes(4, "big") + b"iTXt" + data + bytes(4)
    picture = b"\x89PNG\r\n\x1a\n" + chunk
    media_info(HeldBytes(picture).open(), str(type_of(picture)))


def _measured(text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    kind = str(type_of(data))
    media_info(HeldBytes(data).open(), kind)
    truncation_of(HeldBytes(data).open(), kind, len(data))


def _boxes(text: str, brand: bytes, outer: bytes, inner: bytes) -> None:
    """Boxes of which each holds one that announces to hold all that follow."""
    count = len(text) // 4
    boxes = (
        struct.pack(">I4sI4s", 16, outer, 16 * (count - number) - 8, inner)
        for number in range(count)
    )
    meta = struct.pack(">I4sI", 12 + 16 * count, b"meta", 0) if brand == b"heic" else b""
    _measured(struct.pack(">I4s4sI", 16, b"ftyp", brand, 0) + meta + b"".join(boxes))


def _box_names(text: str) -> None:
    """Empty boxes, none like another."""
    boxes = (struct.pack(">2I", 8, 1 << 24 | number) for number in range(len(text) // 2))
    _measured(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + b"".join(boxes))


def _parts_of_a_picture(text: str) -> None:
    data = text.encode("utf-16-le", "surrogatepass").replace(b"\0", b"\xff")
    with suppress(struct.error):
        animation_of(HeldBytes(b"GIF89a" + bytes(7) + data).open(), "image/gif")
    scan = b"\xff\xda\0\2"
    for head in (b"\xff\xd8" + scan, b"GIF89a" + bytes(7), b"\x89PNG\r\n\x1a\n", b"RIFF"):
        ordinary_format(HeldBytes(head + data).open())


READERS: dict[str, Work] = {
    "calls in an answer": _whole(lambda: CallReader(OFFERED)),
    "calls in a stream": _in_pieces(lambda: CallReader(OFFERED)),
    "constrained answer": _in_pieces(lambda: CONSTRAINED.reading(correct=False)),
    "tools whose answer is corrected": _in_pieces(
        lambda: PromptedTools([FORM]).reading(correct=True)
    ),
    "call that was cut off": _cut_off,
    "damaged JSON": lambda text: JsonReader().load(text),
    "structured answer": lambda text: object_in(text, SCHEMA),
    "structured answer, begun": lambda text: object_in(text, SCHEMA, partial=True),
    "structured stream": _structured_stream,
    "arguments that a schema corrects": lambda text: coerced({"tags": text}, SCHEMA),
    "problems with arguments": lambda text: problems({"tags": text}, SCHEMA),
    "thoughts": split_reasoning,
    "thoughts in a stream": _in_pieces(ReasoningSplitter),
    "answer to be normalized": _normalized,
    "arguments in a stream": _streamed_arguments,
    "arguments in one event": _event_of_pieces,
    "stream to be normalized": _streamed_content,
    "conversation as text": _history,
    "error body": lambda text: service_message(text.encode()),
    "error in JSON": lambda text: service_message(json.dumps({"detail": [text, text]}).encode()),
    "nested errors": lambda text: service_message(json.dumps({"error": _nested(text)}).encode()),
    "error page": lambda text: service_message(f"<html>{text}".encode()),
    "wait in a sentence": lambda text: retry_after({}, text),
    "wait in a header": lambda text: retry_after({"retry-after": text}, None),
    "unknown name": unknown_kind,
    "key to be hidden": Redactor("sk-12345678"),
    "media in an answer": _decoded,
    "text in an answer": lambda text: text_from(_Said(text)),
    "link": lambda text: check_link(text, base_url="http://service.test", endpoint="GET /"),
    "redirect of a link": lambda text: _redirect_of(_redirect(text), LINK),
    "redirect of a call": lambda text: redirected(
        _redirect(text), endpoint="GET /", base_url="http://service.test"
    ),
    "link to be encoded": percent_encoded,
    "link with secrets": without_secrets,
    "image argument": parse_source,
    "data URL": lambda text: parse_source(f"data:image/png{text}"),
    "handle": candidates,
    "sidecar": lambda text: read_sidecar(text, "a1b2c3d4e5f6.png"),
    "bytes of a file": _measured,
    "nested boxes": lambda text: _boxes(text, b"isom", b"moov", b"trak"),
    "nested boxes of a picture": lambda text: _boxes(text, b"heic", b"iprp", b"ipco"),
    "names of boxes": _box_names,
    "text in a PNG": _png,
    "parts of a picture": _parts_of_a_picture,
    "marks of sources": lambda text: _checked_marks(text, 9),
    "label of a source": lambda text: label_of(Document("", metadata={"source": text})),
    "subtitles": lambda text: write_subtitles([(0.0, None, text)], "vtt"),
    "transcript": _transcript,
    "transcript in windows": _windows,
    "transcripts that overlap": _overlapping,
    "transcript of many documents": _many_documents,
    "request to the planner": lambda text: plan(
        read_conversation([{"role": "user", "content": text}]), PLANNED
    ),
    "generation text": split_parameters,
    "words of a Whisper server": in_one_line,
    "name that may be of a key": is_secret_name,
    "text that may hold a key": shown_text,
    "link to a file of the sandbox": FileStore(1, 1.0).behind,
    "pattern of a schema": lambda text: served({"type": "string", "pattern": text}),
    "value of a schema": lambda text: served({"const": text}),
    "answer under a schema": lambda text: Reader({"type": "string"}).read(json.dumps(text)),
}
