"""``visioncraft chat``: one answer, or a conversation."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from langchain_visioncraft import chat_models
from langchain_visioncraft.cli.app import DEFAULT_CHAT_MODEL
from langchain_visioncraft.cli.inputs import STDIN, medium, settings_of, words_of
from langchain_visioncraft.cli.problems import note, print_json
from langchain_visioncraft.cli.results import say
from langchain_visioncraft.client.text_schemas import DEFAULT_CAPTION_MODEL
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.media import MediaStore

if TYPE_CHECKING:
    from langchain_core.messages import AIMessageChunk


def run(
    *,
    message: str | None,
    model: str | None,
    system: str | None,
    images: Sequence[str],
    connection: Mapping[str, Any],
    store: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Ask a chat model once, or start a conversation."""
    pictures = [{"type": "image", "image": medium(each, MediaStore(store))} for each in images]
    if message is None and not sys.stdin.isatty():
        message = STDIN
    if message is not None:
        message = words_of(message, "message")
    name = model or (DEFAULT_CAPTION_MODEL if pictures else DEFAULT_CHAT_MODEL)
    given = {option: value for option, value in values.items() if value is not None}
    with settings_of(**connection) as settings:
        llm = chat_models.ChatVisionCraft(
            model=name, vision=bool(pictures) or None, **settings, **given
        )
        talk = Talk(llm, system, pictures)
        if message is None:
            _converse(talk, name)
            return
        answer = talk.say(message, quiet=as_json)
    if as_json:
        usage = answer.usage_metadata if answer else None
        facts = {"text": answer.text if answer else "", "model": name, "usage": usage}
        print_json({key: value for key, value in facts.items() if value is not None})


class Talk:
    """A conversation: its messages, and the pictures for the next one."""

    def __init__(
        self,
        llm: chat_models.ChatVisionCraft,
        system: str | None,
        pictures: Sequence[dict[str, Any]],
    ) -> None:
        self._llm = llm
        self._pictures = list(pictures)
        self._said: list[Any] = [("system", system)] if system else []

    def say(self, text: str, *, quiet: bool = False) -> AIMessageChunk | None:
        """Send a message, and print the answer as it arrives.

        A message that fails, or is interrupted, does not become part of the conversation.
        """
        content = [{"type": "text", "text": text}, *self._pictures] if self._pictures else text
        asked: Any = ("human", content)
        chunks: list[AIMessageChunk] = []
        try:
            for chunk in self._llm.stream([*self._said, asked]):
                chunks.append(chunk)
                if not quiet:
                    say(chunk.text)
        finally:
            if not quiet:
                say("\n")
        whole = chunks[0] + chunks[1:] if chunks else None  # at once: each addition copies all
        self._said += [asked, whole or ("ai", "")]
        self._pictures = []
        return whole


def _converse(talk: Talk, name: str) -> None:
    """Ask and answer until the end of stdin (Ctrl-D); Ctrl-C interrupts an answer."""
    with contextlib.suppress(ImportError):  # Windows has none
        import readline  # noqa: F401, PLC0415  # `input` edits lines and remembers them with it
    note(f"{name}. Ctrl-D ends, Ctrl-C interrupts an answer.")
    while True:
        try:
            text = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return
        if not text:
            continue
        try:
            talk.say(text)
        except KeyboardInterrupt:
            note("Interrupted.")
        except VisionCraftError as error:
            note(str(error))
