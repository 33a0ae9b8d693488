"""Routes, one documented POST endpoint as data, and the one handler that serves them all."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from langchain_visioncraft.client import fields
from visioncraft_sandbox import answers, validation
from visioncraft_sandbox.backends.hosts import Backends
from visioncraft_sandbox.catalog import NAMES
from visioncraft_sandbox.connections import cancel_on_disconnect
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.settings import SandboxConfig
from visioncraft_sandbox.uploads import Uploads

logger = logging.getLogger(__name__)

UNEXPECTED = "An unexpected error occurred on the server; its log says more."


@dataclass(frozen=True)
class Services:
    """The objects that the routes of one application share."""

    config: SandboxConfig
    pool: EnginePool
    files: FileStore
    limiter: validation.Limiter
    backends: Backends

    def uploads(self, request: Request) -> Uploads:
        """The reader of this request's pictures and recordings."""
        return Uploads(self.config, self.files, request.url.netloc, self.pool)

    async def body(self, request: Request) -> dict[str, Any]:
        """The JSON body of a request."""
        return await validation.read_body(request, self.pool, self.config.most_of_a_body)


@dataclass(frozen=True)
class Job:
    """One request that passed the checks."""

    request: Request
    services: Services
    parameters: Any
    """An instance of the operation's schema."""

    uploads: Uploads

    async def picture(self, name: str, max_side: int | None = None) -> Image.Image:
        """Decode the picture of this parameter."""
        return await self.uploads.picture(getattr(self.parameters, name), name, max_side)

    async def recording(self, name: str) -> bytes:
        """Read the recording of this parameter."""
        return await self.uploads.recording(getattr(self.parameters, name), name)

    def links(self, files: list[bytes], engine: str) -> Response:
        """``{"images": [url, …]}``, links to these files."""
        names = [self.services.files.add(data, engine) for data in files]
        return answers.json_response(
            {"images": [answers.link_to(self.request, name) for name in names]}, engine
        )

    def check_side(self, **sides: int | None) -> None:
        """Refuse sides beyond the sandbox's own limit, since the documents give none."""
        most = self.services.config.max_side
        for name, value in sides.items():
            if value is not None and value > most:
                raise answers.Refusal(400, f"{name}: at most {most} pixels here.")


@dataclass(frozen=True)
class Operation:
    """A documented POST endpoint.

    Attributes:
        schema: Its parameters and their bounds.
        style: The shape of its errors.
        work: Makes the answer.
        keyless: Whether it takes no key.
    """

    path: str
    schema: type[fields.Request]
    style: answers.ErrorStyle
    work: Callable[[Job], Coroutine[Any, Any, Response]]
    keyless: bool = False

    def route(self) -> Route:
        """Its route."""
        return route("POST", self.path, self._serve, self.style)

    async def _serve(self, request: Request, services: Services) -> Response:
        return await self.answer(request, services, await services.body(request))

    async def answer(self, request: Request, services: Services, body: dict[str, Any]) -> Response:
        """Answer a request with this body: key, limit, parameters, names, work."""
        key = "" if self.keyless else validation.check_key(body.get("token"), services.config)
        services.limiter.check(f"{request.method} {self.path}", key)
        check = partial(validation.check_parameters, self.schema, body)
        # A data URL is decoded here.
        parameters = await services.pool.read(check) if self.schema.media_kinds else check()
        body.clear()  # what is unknown in it may be large
        validation.check_texts(parameters, services.config.max_text)
        await self._check_names(parameters, services.backends)
        async with services.uploads(request) as uploads:
            work = self.work(Job(request, services, parameters, uploads))
            return await cancel_on_disconnect(request, work)

    async def _check_names(self, parameters: fields.Request, backends: Backends) -> None:
        problems: list[str] = []
        for name, path in NAMES.get(self.path, {}).items():
            value = getattr(parameters, name, None)
            given = [value] if isinstance(value, str) else list(value or ())
            problems += await backends.unknown_names(name.removesuffix("s"), given, path)
        if problems:
            raise answers.Refusal(400, " ".join(problems))


def route(
    method: str,
    path: str,
    answer: Callable[[Request, Services], Awaitable[Response]],
    style: answers.ErrorStyle = answers.ErrorStyle.TEXT,
) -> Route:
    """A route; its refusals and unexpected errors have this shape."""

    async def serve(request: Request) -> Response:
        try:
            return await answer(request, request.app.state.services)
        except answers.Refusal as refusal:
            return answers.refusal_response(refusal, style)
        except Exception as error:
            logger.exception("A request of the sandbox failed")
            answers.forget_frames(error)
            return answers.refusal_response(answers.Refusal(500, UNEXPECTED), style)

    return Route(path, serve, methods=[method])
