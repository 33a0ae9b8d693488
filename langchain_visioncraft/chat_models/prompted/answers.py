"""How an answer in words is read, and what message or stream comes of it. No I/O."""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_visioncraft.chat_models.prompted.formats import INVALID, Call
from langchain_visioncraft.chat_models.prompted.reading import Piece

ResultT = TypeVar("ResultT")
Asking: TypeAlias = Generator[list[BaseMessage], ChatResult, ResultT]
"""Yields conversations to be sent, and is sent the answers."""

_BEYOND_TEXT = 1000


class Reading:
    """Reads one answer; this one takes everything as prose.

    Attributes:
        text: The answer as the model wrote it.
    """

    def __init__(self) -> None:
        self.text = ""

    def feed(self, text: str) -> list[Piece]:
        """Take a piece of the answer, and give what is certain by now."""
        self.text += text
        return [text] if text else []

    def finish(self, *, cut_off: bool = False) -> list[Piece]:  # noqa: ARG002 -- of the interface
        """Give what is left, but for what the model is to write again."""
        return []

    def again(self, messages: Sequence[BaseMessage]) -> list[BaseMessage] | None:  # noqa: ARG002 -- of the interface
        """What to ask the model next; ``None`` if its answer is to be taken as it is.

        Args:
            messages: The conversation that was sent.
        """
        return None

    def settle(self, again: str = "", *, cut_off: bool = False) -> list[Piece]:  # noqa: ARG002 -- of the interface
        """Give what was held back.

        Args:
            again: What the model answered when it was asked again.
            cut_off: Whether that was ended by its greatest length.
        """
        return []


class Task(Protocol):
    """What is asked of a model in words: to call tools, or to answer in a form.

    Attributes:
        corrects_streams: Whether the model may be asked again after an answer has streamed.
    """

    @property
    def corrects_streams(self) -> bool: ...  # noqa: D102 -- above

    def messages(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The conversation with what the model must know."""
        ...

    def reading(self, *, correct: bool) -> Reading:
        """Reads an answer; `correct` says whether the model may be asked again."""
        ...


def whole_result(
    task: Task, messages: Sequence[BaseMessage], result: ChatResult, *, correct: bool
) -> Asking[ChatResult]:
    """Read a whole answer.

    Args:
        task: What was asked.
        messages: The conversation that was sent.
        result: The answer.
        correct: Whether the model may be asked again. It is not for several answers at once.
    """
    correct = correct and len(result.generations) == 1
    for number, generation in enumerate(result.generations):
        message = generation.message
        if not isinstance(message, AIMessage):
            continue
        reading = task.reading(correct=correct)
        found = [*reading.feed(message.text), *reading.finish(cut_off=_is_cut_off(generation))]
        held, usage = yield from _held_back(reading, messages)
        result.generations[number] = ChatGeneration(
            message=_read_message(message, [*found, *held]),
            generation_info=generation.generation_info,
        )
        if usage is not None:
            count_usage(result, usage)
    return result


def _held_back(
    reading: Reading, messages: Sequence[BaseMessage]
) -> Asking[tuple[list[Piece], UsageMetadata | None]]:
    """What was held back, after a second question where that helps, and what that took."""
    question = reading.again(messages)
    if question is None:
        return reading.settle(), None
    second = yield question
    answer = second.generations[0]
    held = reading.settle(str(answer.message.text), cut_off=_is_cut_off(answer))
    return held, usage_of(second)


def _is_cut_off(generation: ChatGeneration) -> bool:
    return (generation.generation_info or {}).get("finish_reason") == "length"


def _read_message(message: AIMessage, found: Sequence[Piece]) -> AIMessage:
    calls = [_tool_call(each) for each in found if isinstance(each, Call)]
    valid = [call for call in calls if call["type"] == "tool_call"]
    invalid = [call for call in calls if call["type"] != "tool_call"]
    return message.model_copy(
        update={
            "content": _prose(found),
            "tool_calls": [*message.tool_calls, *valid],
            "invalid_tool_calls": [*message.invalid_tool_calls, *invalid],
        }
    )


def _prose(found: Sequence[Piece]) -> str:
    return "".join(each for each in found if isinstance(each, str))


def _tool_call(call: Call) -> Any:
    number = f"call_{uuid.uuid4().hex[:24]}"
    if not call.problems:
        return tool_call(name=str(call.name), args=call.arguments, id=number)
    text = INVALID + (call.text or json.dumps(call.arguments))
    return invalid_tool_call(name=call.name, args=text, id=number, error="; ".join(call.problems))


def usage_of(result: ChatResult) -> UsageMetadata | None:
    """The tokens of an answer, if the host has said."""
    message = result.generations[0].message
    return message.usage_metadata if isinstance(message, AIMessage) else None


def count_usage(result: ChatResult, more: UsageMetadata) -> None:
    """Count the tokens of another question in what is reported of this one."""
    message = result.generations[0].message
    if not isinstance(message, AIMessage):
        return
    usage = message.usage_metadata = add_usage(message.usage_metadata, more)
    if result.llm_output and result.llm_output.get("token_usage"):
        result.llm_output["token_usage"] = {
            "prompt_tokens": usage["input_tokens"],
            "completion_tokens": usage["output_tokens"],
            "total_tokens": usage["total_tokens"],
        }


class StreamedReading:
    """Makes a stream of prose and tool-call chunks of a stream of text.

    Args:
        task: What was asked.
        correct: Whether the model may be asked again.
        as_blocks: Whether LangChain makes content blocks of the chunks (``output_version="v1"``).
        usage: Of a question that came before, to be counted as well.
    """

    def __init__(
        self,
        task: Task,
        *,
        correct: bool,
        as_blocks: bool = False,
        usage: UsageMetadata | None = None,
    ) -> None:
        self._reading = task.reading(correct=correct and task.corrects_streams)
        # LangChain numbers blocks of text itself, and would merge a call with the same number.
        self._next_index = _BEYOND_TEXT if as_blocks else 0
        self._usage = usage
        self._finished = False

    def read(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk | None:
        """What goes out for a chunk that came in; ``None`` if it holds nothing that is certain."""
        message = chunk.message
        if not isinstance(message, AIMessageChunk):
            return chunk
        text = message.text
        found = self._reading.feed(text)
        reason = (chunk.generation_info or {}).get("finish_reason")
        if reason and not self._finished:
            self._finished = True
            found += self._reading.finish(cut_off=reason == "length")
        if text and not found and not reason and not message.usage_metadata:
            return None
        return self._chunk_of(found, message, chunk.generation_info)

    def ending(self, messages: Sequence[BaseMessage]) -> Asking[ChatGenerationChunk | None]:
        """What is left at the end of a stream, with the tokens of the other questions."""
        found = [] if self._finished else self._reading.finish()
        held, more = yield from _held_back(self._reading, messages)
        usage = add_usage(self._usage, more) if self._usage or more else None
        if not found and not held and usage is None:
            return None
        return self._chunk_of([*found, *held], AIMessageChunk(content="", usage_metadata=usage))

    def _chunk_of(
        self, found: Sequence[Piece], message: AIMessageChunk, info: dict[str, Any] | None = None
    ) -> ChatGenerationChunk:
        calls = [_tool_call(each) for each in found if isinstance(each, Call)]
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
            content=_prose(found),
            tool_call_chunks=[*message.tool_call_chunks, *chunks],
            additional_kwargs=message.additional_kwargs,
            response_metadata=message.response_metadata,
            usage_metadata=message.usage_metadata,
            id=message.id,
        )
        return ChatGenerationChunk(message=read, generation_info=info)


def one_chunk(result: ChatResult) -> ChatGenerationChunk:
    """A whole answer as the only chunk of a stream."""
    message = result.generations[0].message
    calls: dict[str, Any] = {}
    if isinstance(message, AIMessage):
        calls = {
            "tool_calls": message.tool_calls,
            "invalid_tool_calls": message.invalid_tool_calls,
        }
    chunk = AIMessageChunk(
        content=message.content, response_metadata=message.response_metadata, **calls
    )
    return ChatGenerationChunk(message=chunk)
