"""The language model's process: reads chats from its input and writes the pieces of their answers.

Each line is JSON. A chat is ``{"id", "body", "schema"}``, and ``{"stop": id}`` ends it. An answer
is any number of ``{"id", "text"}``, then ``{"id", "done"}`` or ``{"id", "problem"}``. Until the
model is loaded, there is no line, and then one without an id.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from langchain_visioncraft.media.confined import limit_memory
from visioncraft_sandbox.engines.answer_schemas import Reader, UnservedSchemaError
from visioncraft_sandbox.engines.language import CONTEXT_TOKENS, PromptTooLongError

_SLOTS = 2
_BATCH_TOKENS = 256
"""Tokens of a prompt between two checks whether anybody still waits: some seconds of work."""
_CACHE_MIB = 256
_MOST_THREADS = 8
_MOST_BYTES = 2 << 30
"""Of memory beyond the loaded model: for the cache of prompts, and grammars."""


_OF_CALLERS = ("input is not supported", "Failed to parse messages")
"""Words in errors that llama.cpp calls its own: a model takes no pictures, a part has no text."""


class Answer:
    """Writes one answer; `say` takes its pieces."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._reader: Reader | None = None
        self._done: dict[str, Any] = {"finish_reason": "stop"}
        self._failure: Exception | None = None
        self.is_unwanted = False

    def write(self, server: Any, body: dict[str, Any], schema: Mapping[str, Any] | None) -> None:
        """Write the answer to `body`, then why it ended."""
        try:
            self._write(server, body, schema)
        except Exception as error:  # noqa: BLE001  # the sandbox raises it
            kinds = [kind.__name__ for kind in type(error).__mro__]
            self._say(problem=[kinds, str(error)])
        else:
            self._say(done=self._done)

    def _write(self, server: Any, body: dict[str, Any], schema: Mapping[str, Any] | None) -> None:
        if schema is not None:
            body["grammar"], self._reader = grammar(schema), Reader(schema)
        try:
            returned = server.handle_chat_completions(body, self._take)
        except RuntimeError as error:
            returned = {"error": str(error)}
        if self._failure is not None:
            raise self._failure
        _raise_error(returned)
        ended = self._done["finish_reason"] == "stop" and not body["stop"]
        if ended and not self.is_unwanted and self._reader and not self._reader.is_complete:
            raise UnservedSchemaError("the model ended its answer too early")

    def _take(self, chunk: dict[str, Any]) -> bool:
        """Whether to stop; llama.cpp would drop an exception from here."""
        try:
            self._read(chunk)
        except Exception as error:  # noqa: BLE001  # raised above
            self._failure = error
        return self.is_unwanted or self._failure is not None

    def _read(self, chunk: dict[str, Any]) -> None:
        _raise_error(chunk)
        choices = chunk.get("choices", ())
        text = "".join(choice.get("delta", {}).get("content") or "" for choice in choices)
        if self._reader is not None:
            self._reader.read(text)
        self._say(text=text)  # empty while the prompt is read: a sign of life
        for choice in choices:
            self._done["finish_reason"] = choice.get("finish_reason") or "stop"
        if usage := chunk.get("usage"):
            names = ("prompt_tokens", "completion_tokens")
            self._done |= {name: usage[name] for name in names}


def grammar(closed: Mapping[str, Any]) -> str:
    """A grammar of our own: with `json_schema`, a small model may write whitespace without end.

    It is what `xllamacpp.json_schema_to_grammar` writes, which takes quadratic time for names.
    """
    return f"%llguidance {{}}\nstart: %json {json.dumps(closed, ensure_ascii=False)}"


def _raise_error(answer: Any) -> None:
    error = answer.get("error") if isinstance(answer, dict) else None
    if not error:
        return
    error = error if isinstance(error, dict) else {"message": error}
    message = str(error.get("message", error))
    if error.get("type") == "exceed_context_size_error":
        raise PromptTooLongError(message)
    is_callers = error.get("code") == 400 or any(words in message for words in _OF_CALLERS)
    raise (ValueError if is_callers else RuntimeError)(message)


def _loaded(path: str) -> Any:
    import xllamacpp  # noqa: PLC0415  # heavy

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = _SLOTS
    params.n_batch = _BATCH_TOKENS
    params.kv_unified = True  # one long conversation may take the whole context
    params.cache_ram_mib = _CACHE_MIB
    # llama.cpp's threads spin while they wait for each other: if other work takes a core, two
    # threads are twenty times slower than one. Half of the cores stay free.
    threads = max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // 2))
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.verbosity = -1
    params.warmup = False
    params.fit_params = False  # it would load the model twice, to find out what fits into a GPU
    params.ui = False
    # llama.cpp opens a port of its own, which nobody may use.
    params.api_keys = [secrets.token_hex(16)]
    return xllamacpp.Server(params)


def main() -> None:
    """Answer the chats of standard input until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output, lock = os.dup(1), threading.Lock()
    os.dup2(2, 1)  # what libraries print is no answer

    def say(number: int | None, **content: Any) -> None:
        line = json.dumps({"id": number, **content}).encode() + b"\n"
        try:
            with lock, open(output, "wb", closefd=False) as file:
                file.write(line)
        except OSError:  # the sandbox has ended
            os._exit(1)

    path = Path(json.loads(sys.argv[1]))
    try:
        server = _loaded(str(path))
    except Exception as error:  # noqa: BLE001  # the sandbox raises it
        say(None, problem=f"llama.cpp could not load {path.name}: {error}")
        os._exit(1)
    limit_memory(_MOST_BYTES)
    say(None)
    answers = WeakValueDictionary[int, Answer]()
    answer: Answer | None
    for line in sys.stdin.buffer:
        match json.loads(line):
            case {"stop": number}:
                if (answer := answers.get(number)) is not None:
                    answer.is_unwanted = True
            case {"id": number, "body": body, "schema": schema}:
                answers[number] = answer = Answer(partial(say, number))
                task = (server, body, schema)
                threading.Thread(target=answer.write, args=task, daemon=True).start()
        answer = None
    os._exit(0)  # whatever llama.cpp does
