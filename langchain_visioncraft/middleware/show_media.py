"""`ShowMedia`: models see pictures, checkpoints hold handles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import pybase64
from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, ToolCall, ToolMessage
from langchain_openai.chat_models.base import BaseChatOpenAI
from langgraph.types import Command

from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft._threads import in_thread
from langchain_visioncraft.context import run_store
from langchain_visioncraft.errors import MediaInputError
from langchain_visioncraft.media.media import Media
from langchain_visioncraft.media.scaling import scaled
from langchain_visioncraft.media.store import MediaStore
from langchain_visioncraft.middleware.pictures import (
    newest,
    with_blocks,
    without_bytes,
    without_links,
)
from langchain_visioncraft.tools.caption import VisionCraftCaption

Form: TypeAlias = Literal["tool", "user", "caption"]

_INTRODUCTION = "The application shows you the pictures of the tool results above:"
_LONGEST_PROMPT = 300
_MOST_CAPTIONS = 1024


class ShowMedia(KnownKeywords, AgentMiddleware[Any, Any, Any]):
    """Shows a model the newest pictures of its thread, and keeps them out of checkpoints.

    The state holds only handles. Each model call receives the pictures of the newest handles, for
    this call alone, in the form that the model takes:

    - ``"tool"``: in the tool message, if the model's profile says ``image_tool_message``;
    - ``"user"``: in a user message after the tool messages, for other models that take images, and
      for all behind OpenAI's ``/chat/completions``, which refuses images in tool messages;
    - ``"caption"``: as text, for models that take no images, or whose profile is not known.

    Base64 that a user or a tool puts into a message is moved into the store and replaced by its
    handle, so the model can pass an upload on to a tool. If a user's message names a handle, that
    picture is shown, too.

    ```python
    from langchain.agents import create_agent

    from langchain_visioncraft import ChatVisionCraft, ShowMedia, VisionCraftToolkit

    toolkit = VisionCraftToolkit()
    agent = create_agent(
        ChatVisionCraft(model="Llama-3.1-70B-Instruct"),
        toolkit.get_tools(),
        middleware=[ShowMedia(toolkit.store)],
    )
    ```

    Args:
        store: The store of the tools, in which handles are looked up and pictures are kept.
        pictures: How many pictures to show at most, the newest ones.
        max_side: Pixels. Larger pictures are scaled down for the model, which needs Pillow.
        form: One of the forms above for every model, or ``"auto"``.
        captioner: Describes each picture once, for models that take no images. Without it, the
            caption is the prompt of the picture.
    """

    def __init__(
        self,
        store: MediaStore,
        *,
        pictures: int = 4,
        max_side: int = 768,
        form: Literal["auto", "tool", "user", "caption"] = "auto",
        captioner: VisionCraftCaption | None = None,
    ) -> None:
        super().__init__()
        if pictures < 0 or max_side < 1:
            msg = f"{pictures=} must be 0 or more, and {max_side=} 1 or more."
            raise ValueError(msg)
        self._store, self._pictures, self._max_side = store, pictures, max_side
        self._form = form
        self._captioner = captioner
        self._captions: dict[tuple[str, str], str] = {}

    # Into the store

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:  # noqa: ARG002
        """Move a user's uploads into the store."""
        store = run_store(self._store)
        kept = [without_bytes(message, store) for message in state["messages"]]
        changed = [new for old, new in zip(state["messages"], kept, strict=True) if new is not old]
        return {"messages": changed} if changed else None

    async def abefore_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        """The same, without blocking."""
        return await in_thread(self.before_agent, state, runtime)

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Move media from a tool's message into the store."""
        return self._taken_in(handler(request))

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """The same, without blocking."""
        return await in_thread(self._taken_in, await handler(request))

    def _taken_in(self, result: Any) -> Any:
        store = run_store(self._store)
        if isinstance(result, ToolMessage):
            return without_bytes(result, store)
        if isinstance(result, Command) and isinstance(result.update, dict):
            said = result.update.get("messages", ())
            kept = [without_bytes(m, store) if isinstance(m, BaseMessage) else m for m in said]
            return replace(result, update={**result.update, "messages": kept}) if kept else result
        return result

    # To the model

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Show the newest pictures to the model."""
        return handler(self._showing(request))

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """The same, without blocking."""
        return await handler(await in_thread(self._showing, request))

    def _showing(self, request: Any) -> Any:
        form = form_for(request.model) if self._form == "auto" else self._form
        store = run_store(self._store)
        messages = [without_bytes(message, store) for message in request.messages]
        if form == "caption":
            messages = [without_links(message) for message in messages]
        shown = {
            place: [block for media in pictures for block in self._blocks(media, form, store)]
            for place, pictures in newest(messages, store, self._pictures).items()
        }
        return request.override(messages=_with(shown, messages, form))

    def _blocks(self, media: Media, form: Form, store: MediaStore) -> list[dict[str, Any]]:
        if form == "caption":
            caption = self._caption(media.handle, store)
            return [{"type": "text", "text": f"{media.handle} {caption}"}] if caption else []
        try:
            data, mime_type, _ = scaled(media, self._max_side)
        except MediaInputError as error:
            return [{"type": "text", "text": f"{media.handle} cannot be shown: {error}"}]
        encoded = pybase64.b64encode_as_string(data)
        return [
            {"type": "text", "text": f"{media.handle}:"},
            {"type": "image", "base64": encoded, "mime_type": mime_type},
        ]

    def _caption(self, handle: str, store: MediaStore) -> str:
        """A caption, cached for each store; empty if none is known."""
        key = store.root, handle
        if key not in self._captions:
            if len(self._captions) >= _MOST_CAPTIONS:
                self._captions.clear()
            self._captions[key] = self._look_at(handle, store)
        return self._captions[key]

    def _look_at(self, handle: str, store: MediaStore) -> str:
        if self._captioner is not None:
            call = ToolCall(type="tool_call", id="look", name="look", args={"image": handle})
            answer = self._captioner.invoke(call)
            if answer.status != "error":
                return f"shows: {answer.text}"
        prompt = str(store.provenance(handle).get("arguments", {}).get("prompt", ""))
        return f"was made from the prompt: {prompt[:_LONGEST_PROMPT]}" if prompt else ""


def form_for(model: BaseChatModel) -> Form:
    """The form in which a model takes pictures, by its profile."""
    profile = getattr(model, "profile", None) or {}
    if not profile.get("image_inputs"):
        return "caption"
    completions = isinstance(model, BaseChatOpenAI) and not model._use_responses_api({})
    return "tool" if profile.get("image_tool_message") and not completions else "user"


def _with(
    shown: dict[int, list[dict[str, Any]]], messages: Sequence[BaseMessage], form: Form
) -> list[BaseMessage]:
    """The messages with the pictures: in place, or after the results of all parallel calls."""
    result: list[BaseMessage] = []
    waiting: list[dict[str, Any]] = []
    for place, message in enumerate([*messages, None]):
        if waiting and not isinstance(message, ToolMessage):
            result.append(HumanMessage([{"type": "text", "text": _INTRODUCTION}, *waiting]))
            waiting = []
        blocks = shown.get(place, [])
        if form == "user" and isinstance(message, ToolMessage):
            waiting += blocks
            blocks = []
        if message is not None:
            result.append(with_blocks(message, blocks) if blocks else message)
    return result
