"""`Endpoint`: a function from parameters to a flow, and a method of both clients."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, overload

from pydantic import ValidationError

from langchain_visioncraft import errors
from langchain_visioncraft.client.fields import Request
from langchain_visioncraft.client.flow import Flow
from langchain_visioncraft.client.options import invalid_request
from langchain_visioncraft.media.inputs import source_in_code

P = ParamSpec("P")
ResultT = TypeVar("ResultT")
RequestT = TypeVar("RequestT", bound=Request)


class _Client(Protocol):
    def run(self, flow: Flow[ResultT], /) -> ResultT: ...


class _AsyncClient(Protocol):
    async def run(self, flow: Flow[ResultT], /) -> ResultT: ...


class Endpoint(Generic[P, RequestT, ResultT]):
    """A function from an endpoint's parameters to its flow, and a method of both clients.

    As a method it runs the flow: ``client.upscale("photo.jpg")`` returns the same as
    ``client.run(endpoints.upscale("photo.jpg"))``, and is awaited with the async client. The
    parameters of `request` with ``kw_only=False`` may be given by position.

    Attributes:
        request: The pydantic model of the parameters.
    """

    __name__: str

    def __init__(
        self, request: Callable[P, RequestT], function: Callable[[RequestT], Flow[ResultT]]
    ) -> None:
        self.request: Any = request
        self._function = function
        functools.update_wrapper(self, function)

    def __set_name__(self, _owner: type, name: str) -> None:
        self.__name__ = self.__qualname__ = name

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Flow[ResultT]:
        """Check the parameters and return the flow.

        Raises:
            InvalidRequestError: If a parameter is missing, unknown or out of bounds.
        """
        by_position = self._by_name(args)
        if twice := sorted(set(kwargs) & set(by_position)):
            msg = f"Nothing was sent. {', '.join(twice)}: given both by position and by name."
            raise errors.InvalidRequestError(msg)
        fields = self.request.without_empty({**by_position, **kwargs})
        for name in self.request.media_kinds:
            if isinstance(text := fields.get(name), str):
                try:
                    fields[name] = source_in_code(text)
                except errors.MediaInputError as error:
                    raise errors.MediaInputError(f"Nothing was sent. {name}: {error}") from None
        try:
            request = self.request(**fields)
        except ValidationError as error:
            raise invalid_request(error, self.request.model_fields) from None
        return self._function(request)

    def _by_name(self, values: Sequence[object]) -> dict[str, object]:
        names = [name for name, info in self.request.model_fields.items() if info.kw_only is False]
        if len(values) > len(names):
            msg = (
                f"Nothing was sent. {self.__name__} takes {len(names)} by position "
                f"({', '.join(names) or 'none'}), not {len(values)}; name the others."
            )
            raise errors.InvalidRequestError(msg)
        return dict(zip(names, values, strict=False))

    @overload
    def __get__(self, client: None, owner: Any) -> Endpoint[P, RequestT, ResultT]: ...
    @overload
    def __get__(self, client: _Client, owner: Any) -> Callable[P, ResultT]: ...
    @overload
    def __get__(
        self, client: _AsyncClient, owner: Any
    ) -> Callable[P, Coroutine[Any, Any, ResultT]]: ...
    def __get__(self, client: Any, owner: Any) -> Any:
        if client is None:
            return self

        @functools.wraps(self)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return client.run(self(*args, **kwargs))

        return method

    @property
    def __signature__(self) -> inspect.Signature:
        fields = self.request.model_fields.items()
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY
                if info.kw_only is not False
                else inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if info.is_required() else info.get_default(),
                annotation="MediaInput" if name in self.request.media_kinds else info.annotation,
            )
            for name, info in sorted(fields, key=lambda field: field[1].kw_only is not False)
        ]
        return inspect.Signature(parameters)

    def __repr__(self) -> str:
        return f"<endpoint {self.__name__}>"


def endpoint(
    request: Callable[P, RequestT],
) -> Callable[[Callable[[RequestT], Flow[ResultT]]], Endpoint[P, RequestT, ResultT]]:
    """Make an endpoint from a function that takes a request model."""
    return lambda function: Endpoint(request, function)
