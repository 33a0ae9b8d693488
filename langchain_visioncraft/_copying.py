"""Copies and pickles of objects that hold connections: copies share them, pickles recreate them."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

_SHARED = (
    *("http_client", "http_async_client", "rate_limiter", "verify"),
    *("client", "async_client", "root_client", "root_async_client"),
    *("_client", "_sync_client", "_async_client"),
)
"""Fields and private attributes that hold locks and sockets, which cannot be copied."""


class HoldsConnections(BaseModel):
    """Base of the tools and chat models; it must precede LangChain's class among the bases."""

    _derived: ClassVar[tuple[str, ...]] = ()
    """The fields that `_rebuild` sets. Like all private attributes, they are not pickled."""

    @abstractmethod
    def _rebuild(self) -> None:
        """Recreate what depends on the fields."""

    def _own_http_clients(self) -> tuple[Any, Any]:
        fields = self.__dict__
        return fields.get("http_client"), fields.get("http_async_client")

    def __getstate__(self) -> dict[Any, Any]:
        if any(client is not None for client in self._own_http_clients()):
            msg = (
                f"A {type(self).__name__} with an http_client or http_async_client of your own "
                "cannot be pickled, because connections cannot. Build it where it is used."
            )
            raise TypeError(msg)
        state = super().__getstate__()
        values = dict(state["__dict__"])
        for name, value in values.items():
            # A key from the environment is read again there.
            secret = isinstance(value, SecretStr) and name not in self.model_fields_set
            if secret or name in self._derived:
                values[name] = None
        return {**state, "__dict__": values, "__pydantic_private__": None}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        private = {name: each.get_default() for name, each in self.__private_attributes__.items()}
        known = {name: value for name, value in private.items() if value is not PydanticUndefined}
        object.__setattr__(self, "__pydantic_private__", known)
        self._rebuild()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        for name in _SHARED:
            shared = getattr(self, name, None)
            memo[id(shared)] = shared
        return super().__deepcopy__(memo)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy; the copy uses the host and the key in `update`."""
        # With both arguments, pydantic would copy every field, including connections.
        source = copy.deepcopy(self) if deep else self
        copied = super(HoldsConnections, source).model_copy(update=update)
        if update:
            copied._rebuild()
        return copied
