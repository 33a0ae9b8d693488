"""Reads an answer, and makes a message or a stream from it. No I/O."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_visioncraft._flows import Steps
from langchain_visioncraft._reasoning import ReasoningSplitter, split_reasoning
from langchain_visioncraft.chat_models.normalizing import MOST_CALLS, REASONING
from langchain_visioncraft.chat_models.portions import Portions
from langchain_visioncraft.chat_models.prompted.calls import Call
from langchain_visioncraft.chat_models.prompted.formats import call_text
from langchain_visioncraft.chat_models.prompted.reading import Piece

Ask: TypeAlias = Callable[[list[BaseMessage]], Steps[ChatResult]]
"""Sends a conversation, and returns the answer."""

BEYOND_TEXT = 1 << 20
"""The number of the first call in a stream of blocks. LangChain numbers other blocks from 0, one at
each change of their type, and would merge a call with a block of the same number."""


class Reading:
    """Reads one answer; this one takes everything as prose.

    Attributes:
        cut_off: Whether it was cut off at its maximum length.
        open_thought: The model's reasoning, if it did not mark the end.
        native: Whether the answer has native tool calls.
        usage: The tokens of a second request.
    """

    open_thought = ""
    cut_off = native = False
    usage: UsageMetadata | None = None

    def __init__(self) -> None:
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """The answer as the model wrote it."""
        return "".join(self._pieces)

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer, and return what is certain by now."""
        self._pieces.append(text)
        return [text] if text else []

    def finish(self, *, cut_off: bool = False) -> list[Piece]:
        """Return what is left, except for what the model is asked to rewrite."""
        self.cut_off = cut_off
        return []

    def held_back(self, messages: Sequence[BaseMessage], ask: Ask) -> Steps[list[Piece]]:  # noqa: ARG002
        """Return what was held back, after asking the model again if that helps."""
        yield from ()
        return []

    def _second(self, result: ChatResult) -> tuple[str, bool]:
        """The text of a second answer, and whether it was cut off."""
        generation = result.generations[0]
        message: Any = generation.message
        self.usage = message.usage_metadata
        return split_reasoning(message.text)[1], _is_cut_off(generation)


class Task:
    """What a request asks of a model: this one asks only for an answer.

    Attributes:
        corrects_streams: Whether the model may be asked again after an answer has streamed.
    """

    corrects_streams = False

    @property
    def options(self) -> Mapping[str, Any]:
        """Its part of the request body."""
        return {}

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation, with instructions for the model added."""
        return list(messages)

    def reading(self, *, correct: bool) -> Reading:  # noqa: ARG002 -- of the interface
        """Reads an answer; `correct` says whether the model may be asked again."""
        return Reading()


class _Answer:
    """One answer as it arrives, split into thought, prose and calls."""

    def __init__(self, reading: Reading, *, holds: bool) -> None:
        self.reading, self._splitter = reading, ReasoningSplitter(holds=holds)
        self._thought: list[str] = []
        self._finished = False

    def take(self, text: str, *, ends: bool, cut_off: bool = False) -> tuple[str, list[Piece]]:
        """Take a piece, and return what is certain by now: of the thought, and of the answer."""
        thought, said = self._splitter.feed(text)
        found = self.reading.feed(said)
        if ends and not self._finished:
            self._finished = True
            more, said = self._splitter.finish()
            thought += more
            if self._splitter.in_thought:
                self.reading.open_thought = "".join([*self._thought, thought])
            found = found + self.reading.feed(said) + self.reading.finish(cut_off=cut_off)
        self._thought.append(thought)
        return thought, found


def answer(
    task: Task, messages: Sequence[BaseMessage], ask: Ask, *, correct: bool
) -> Steps[ChatResult]:
    """Ask, and read a whole answer.

    With `correct`, the model may be asked again after an answer that does not fit, unless several
    answers were requested at once.
    """
    asked = task.messages(messages)
    result = yield from ask(asked)
    correct = correct and len(result.generations) == 1
    for number, generation in enumerate(result.generations):
        message: Any = generation.message
        read = _Answer(task.reading(correct=correct), holds=True)
        read.reading.native = bool(message.tool_calls or message.invalid_tool_calls)
        thought, found = read.take(message.text, ends=True, cut_off=_is_cut_off(generation))
        held = yield from read.reading.held_back(asked, ask)
        if read.reading.usage:
            message.usage_metadata = add_usage(message.usage_metadata, read.reading.usage)
        result.generations[number] = ChatGeneration(
            message=_read_message(message, thought, [*found, *held]),
            generation_info=generation.generation_info,
        )
    return result


def _is_cut_off(generation: ChatGeneration) -> bool:
    return (generation.generation_info or {}).get("finish_reason") == "length"


def _read_message(message: AIMessage, thought: str, found: Sequence[Piece]) -> AIMessage:
    text, calls = _prose_and_calls(found)
    if not calls and not thought and text == message.text:
        return message
    valid = [call for call in calls if call["type"] == "tool_call"]
    invalid = [call for call in calls if call["type"] != "tool_call"]
    return message.model_copy(
        update={
            "content": text,
            "tool_calls": [*message.tool_calls, *valid],
            "invalid_tool_calls": [*message.invalid_tool_calls, *invalid],
            "additional_kwargs": _with_thought(message, thought),
        }
    )


def _prose_and_calls(found: Sequence[Piece]) -> tuple[str, list[Any]]:
    prose = "".join(each for each in found if isinstance(each, str))
    calls = [_tool_call(each) for each in found if isinstance(each, Call)]
    return prose, calls


def _with_thought(message: AIMessage, thought: str) -> dict[str, Any]:
    if not thought:
        return message.additional_kwargs
    known = str(message.additional_kwargs.get(REASONING) or "")
    return {**message.additional_kwargs, REASONING: known + thought}


def _tool_call(call: Call) -> Any:
    number = f"call_{uuid.uuid4().hex[:24]}"
    if not call.problems:
        return tool_call(name=str(call.name), args=call.arguments, id=number)
    text = call.text or json.dumps(call.arguments)
    if text.lstrip()[:1] in ("{", "["):
        # LangChain repairs JSON in streams, and would turn a damaged call into a valid one.
        text = call_text(text)
    return invalid_tool_call(name=call.name, args=text, id=number, error="; ".join(call.problems))


class StreamedReading(_Answer):
    """Turns a stream of text into a stream of prose, thought and tool-call chunks.

    Args:
        reading: Reads the text.
        as_blocks: Whether LangChain makes content blocks of the chunks (``output_version="v1"``).
        holds: Whether answers begin with a thought that the chat template opens.
    """

    def __init__(self, reading: Reading, *, as_blocks: bool, holds: bool) -> None:
        super().__init__(reading, holds=holds)
        self._next_index = BEYOND_TEXT + MOST_CALLS if as_blocks else 0  # native ones come before
        self._some = False
        self._thoughts = Portions(65_536)

    def read(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk | None:
        """The chunk to send for one that arrived; ``None`` if nothing in it is certain yet."""
        message: Any = chunk.message
        text = str(message.text)
        self.reading.native = self.reading.native or bool(message.tool_call_chunks)
        info = chunk.generation_info or {}
        reason = info.get("finish_reason")
        thought, found = self.take(text, ends=bool(reason), cut_off=reason == "length")
        thought = self._portion(thought, ends=bool(reason))
        says_more = message.usage_metadata or message.tool_call_chunks or message.additional_kwargs
        if text and not (found or thought or info or says_more):
            return None
        self._some = True
        if found == [text] * bool(text) and not thought:
            return chunk
        return self._chunk_of(found, thought, message, chunk.generation_info)

    def _portion(self, thought: str, *, ends: bool) -> str:
        passed = self._thoughts.take({REASONING: thought} if thought else {})
        if ends:
            passed = passed or self._thoughts.rest()
        return "".join(passed.get(REASONING, ()))

    def ending(
        self, messages: Sequence[BaseMessage], ask: Ask
    ) -> Steps[ChatGenerationChunk | None]:
        """What is left at the end of a stream, with the tokens of a second request.

        A stream without any other chunk ends with an empty one, because LangChain requires one.
        """
        thought, found = self.take("", ends=True)
        thought = self._portion(thought, ends=True)
        held = yield from self.reading.held_back(messages, ask)
        usage = self.reading.usage
        if self._some and not (found or held or thought or usage):
            return None
        message = AIMessageChunk(content="", usage_metadata=usage)
        return self._chunk_of([*found, *held], thought, message)

    def _chunk_of(
        self,
        found: Sequence[Piece],
        thought: str,
        message: AIMessageChunk,
        info: dict[str, Any] | None = None,
    ) -> ChatGenerationChunk:
        prose, calls = _prose_and_calls(found)
        chunks = [
            tool_call_chunk(
                name=call["name"],
                args=call["args"] if isinstance(call["args"], str) else json.dumps(call["args"]),
                id=call["id"],
                index=index,
            )
            for index, call in enumerate(calls, self._next_index)
        ]
        self._next_index += len(chunks)
        read = AIMessageChunk(
            content=prose,
            tool_call_chunks=chunks,
            additional_kwargs=_with_thought(message, thought),
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata,
            id=message.id,
        )
        # Not given to the constructor, which would parse the arguments again.
        for name in ("tool_call_chunks", "tool_calls", "invalid_tool_calls"):
            setattr(read, name, [*getattr(message, name), *getattr(read, name)])
        return ChatGenerationChunk(message=read, generation_info=info)


def as_chunk(result: ChatResult) -> ChatGenerationChunk:
    """A whole answer as the only chunk of a stream."""
    facts = result.generations[0].message.model_dump(exclude={"type"})
    return ChatGenerationChunk(message=AIMessageChunk(**facts))
