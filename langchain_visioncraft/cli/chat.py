"""``visioncraft chat``: one answer, or a conversation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage

from langchain_visioncraft.chat_models import ChatVisionCraft
from langchain_visioncraft.cli.inputs import STDIN, medium, text_from_stdin
from langchain_visioncraft.cli.options import AsJSON, Connection, Store
from langchain_visioncraft.cli.parameters import command, parameters_of
from langchain_visioncraft.cli.problems import explained, note
from langchain_visioncraft.cli.results import print_json, say
from langchain_visioncraft.cli.session import settings_of
from langchain_visioncraft.client.options import ChatOptions
from langchain_visioncraft.client.schemas import DEFAULT_CAPTION_MODEL
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.media import MediaStore

DEFAULT_CHAT_MODEL = "Llama-3.1-70B-Instruct"


def _chat(
    message: Annotated[
        str | None,
        typer.Argument(
            help="What to say; - reads it from stdin, as does a pipe. "
            "Without it, in a terminal: a conversation."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"Default: {DEFAULT_CHAT_MODEL}, or {DEFAULT_CAPTION_MODEL} with pictures."
        ),
    ] = None,
    system: Annotated[str | None, typer.Option(help="How the model is to behave.")] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE|URL|HANDLE", help="A picture to ask about; repeatable."),
    ] = None,
    *,
    connection: Connection,
    store: Store,
    output: AsJSON,
    **parameters: Any,
) -> None:
    with explained(output.as_json):
        pictures = [_block(each, MediaStore(store.store)) for each in image or ()]
        if message is None and not sys.stdin.isatty():
            message = STDIN
        if message == STDIN:
            message = text_from_stdin("message")
        given = {name: value for name, value in parameters.items() if value is not None}
        name = model or (DEFAULT_CAPTION_MODEL if pictures else DEFAULT_CHAT_MODEL)
        with settings_of(connection) as settings:
            llm = ChatVisionCraft(model=name, vision=bool(pictures) or None, **settings, **given)
            talk = Talk(llm, system, pictures)
            if message is None:
                _converse(talk, name)
                return
            answer = talk.say(message, quiet=output.as_json)
    if output.as_json:
        facts = {"text": answer.text, "model": name, "usage": answer.usage_metadata}
        print_json({key: value for key, value in facts.items() if value is not None})


def _block(text: str, store: MediaStore) -> dict[str, Any]:
    source = medium(text, store)
    return {"type": "image", "url" if isinstance(source, str) else "image": source}


class Talk:
    """A conversation: what was said, and the pictures that the next message brings along."""

    def __init__(
        self, llm: ChatVisionCraft, system: str | None, pictures: Sequence[dict[str, Any]]
    ) -> None:
        self._llm = llm
        self._pictures = list(pictures)
        self._said: list[BaseMessage] = [SystemMessage(system)] if system else []

    def say(self, text: str, *, quiet: bool = False) -> AIMessageChunk:
        """Say something, and print the answer as it comes.

        What fails, or is interrupted, was not said.
        """
        content: list[str | dict[Any, Any]] = [{"type": "text", "text": text}, *self._pictures]
        asked = HumanMessage(content if self._pictures else text)
        whole: AIMessageChunk | None = None
        try:
            for chunk in self._llm.stream([*self._said, asked]):
                whole = chunk if whole is None else whole + chunk
                if not quiet:
                    say(chunk.text)
        finally:
            if not quiet:
                say("\n")
        answer = whole or AIMessageChunk(content="")
        self._said += [asked, answer]
        self._pictures = []
        return answer


def _converse(talk: Talk, name: str) -> None:
    """Ask and answer until the end of stdin (Ctrl-D); Ctrl-C interrupts an answer."""
    with contextlib.suppress(ImportError):  # Windows has none
        import readline  # noqa: F401, PLC0415  # `input` edits lines and remembers them with it
    note(f"{name}. Ctrl-D ends, Ctrl-C interrupts an answer.")
    while True:
        try:
            text = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            typer.echo()
            return
        if not text:
            continue
        try:
            talk.say(text)
        except KeyboardInterrupt:
            note("Interrupted.")
        except VisionCraftError as error:
            note(str(error))


chat = command(
    _chat,
    *parameters_of(ChatOptions.model_fields),
    connection=Connection,
    store=Store,
    output=AsJSON,
)
