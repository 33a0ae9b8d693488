"""`VisionCraftContext`: the key, the store and the user of one run of an agent."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import ConfigDict, SecretStr, WithJsonSchema

from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.config import sendable_key
from langchain_visioncraft.media.store import MediaStore


@dataclass(frozen=True, kw_only=True)
class VisionCraftContext(KnownKeywords):
    """The key, the store and the user of one run, so that one agent serves many tenants.

    The tools, `ShowMedia` and the chat models of this package use these values in place of their
    own. No checkpoint and no trace contains them.

    ```python
    from langchain.agents import create_agent

    from langchain_visioncraft import ChatVisionCraft, VisionCraftContext, VisionCraftToolkit

    agent = create_agent(
        ChatVisionCraft(model="Llama-3.1-70B-Instruct", api_key="given-by-each-run"),
        VisionCraftToolkit().get_tools(),
        context_schema=VisionCraftContext,
    )
    agent.invoke(
        {"messages": ["Draw a red fox."]},
        context=VisionCraftContext(api_key="key-of-ann", user="ann"),
    )
    ```

    If you have your own context class, inherit from this one, or put an instance into an attribute
    (or under a key) ``visioncraft``.

    Attributes:
        api_key: The key that the tools and chat models of the run send. Default: their own.
        store: Where the run keeps and finds media: a `MediaStore`, a folder or an fsspec URL.
            Default: the store of `user` inside that of the tools (`MediaStore.of_user`), or, if
            there is no user either, that of the tools.
        user: The user of the run, who is recorded in sidecars and in the ledger of calls.

    Raises:
        MissingKeyError: If the key cannot be sent.
    """

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True)  # for its JSON schema

    api_key: SecretStr | str | None = field(default=None, repr=False)
    store: Annotated[MediaStore | str | None, WithJsonSchema({"type": "string"})] = None
    user: str | None = None

    def __post_init__(self) -> None:
        # Never a plain string: it would show in tracebacks with locals.
        object.__setattr__(self, "api_key", sendable_key(self.api_key))
        if isinstance(self.store, str):
            object.__setattr__(self, "store", MediaStore(self.store))

    def store_in(self, shared: MediaStore) -> MediaStore:
        """The store of this run, for tools that have this one."""
        if isinstance(self.store, MediaStore):
            return self.store
        return shared if self.user is None else shared.of_user(self.user)


def run_context() -> VisionCraftContext | None:
    """The context of the LangGraph run that this code is part of, if it has one."""
    runtime = sys.modules.get("langgraph.runtime")  # not imported: there is no run
    if runtime is None:
        return None
    try:
        found: Any = getattr(runtime.get_runtime(), "context", None)
    except (RuntimeError, KeyError):  # outside of a graph
        return None
    if not isinstance(found, VisionCraftContext):
        mapping = isinstance(found, Mapping)
        found = found.get("visioncraft") if mapping else getattr(found, "visioncraft", None)
    return found if isinstance(found, VisionCraftContext) else None


def run_store(shared: MediaStore) -> MediaStore:
    """The store of this run, for an object with this store."""
    context = run_context()
    return shared if context is None else context.store_in(shared)


def run_key() -> SecretStr | None:
    """The key of this run, if it has its own."""
    context = run_context()
    return context.api_key if context and isinstance(context.api_key, SecretStr) else None
