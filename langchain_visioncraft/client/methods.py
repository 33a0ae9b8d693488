"""Each endpoint as a method of both clients, added when one is first accessed.

Importing the request models takes longer than everything else that a client needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_visioncraft.client.endpoints import EndpointMethods as ClientMethods
else:

    class _Later(type):
        def __getattr__(cls, name: str) -> Any:
            return _found(cls, name)

        def __dir__(cls) -> list[str]:
            _add_methods()
            return super().__dir__()

    class ClientMethods(metaclass=_Later):
        """The methods of clients."""

        def __getattr__(self, name: str) -> Any:
            return _found(self, name)

        def __dir__(self) -> list[str]:
            _add_methods()
            return super().__dir__()

    def _found(place: Any, name: str) -> Any:
        if name.startswith("_") or not _add_methods():
            kind = place.__name__ if isinstance(place, type) else type(place).__name__
            msg = f"{kind!r} object has no attribute {name!r}"
            raise AttributeError(msg, name=name, obj=place)
        return getattr(place, name)

    def _add_methods() -> bool:
        """Add them; false if they were there."""
        if "_complete" in vars(ClientMethods):
            return False
        from langchain_visioncraft.client.endpoints import EndpointMethods  # noqa: PLC0415 -- slow

        for name in dir(EndpointMethods):
            if not name.startswith("_"):
                setattr(ClientMethods, name, getattr(EndpointMethods, name))
        ClientMethods._complete = True
        return True


__all__ = ["ClientMethods"]
