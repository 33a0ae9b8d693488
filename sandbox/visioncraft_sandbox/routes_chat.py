"""Chat: ``POST /v1/chat/completions`` (2024-09) and ``POST /llm`` (2024-03)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from langchain_visioncraft.client.text_schemas import LegacyChatRequest
from visioncraft_sandbox import catalog
from visioncraft_sandbox.answers import (
    ENGINE_HEADER,
    ErrorStyle,
    Refusal,
    forget_frames,
    json_response,
)
from visioncraft_sandbox.backends.chat import (
    ChatServer,
    Unsupported,
    request_body,
    with_data_urls,
)
from visioncraft_sandbox.chat import (
    Chat,
    Chunks,
    Reply,
    completion,
    count,
    form_instruction,
    images_of,
    plain_messages,
    text_of,
)
from visioncraft_sandbox.chat_reading import Form, check_length, check_messages, form_of, read_chat
from visioncraft_sandbox.connections import cancel_on_disconnect
from visioncraft_sandbox.engine_pool import CATALOG, MEASURING, VISION, EnginePool
from visioncraft_sandbox.engines.language import (
    Completion,
    LanguageModel,
    ProcessEndedError,
    PromptTooLongError,
)
from visioncraft_sandbox.operations import Job, Operation, Services, route
from visioncraft_sandbox.validation import bearer_key, check_key

logger = logging.getLogger(__name__)

_ResultT = TypeVar("_ResultT")

_MODELS = "/models-llm"


async def _chat_completions(request: Request, services: Services) -> Response:
    body = await services.body(request)
    key = _checked_key(request, services)
    services.limiter.check("POST /v1/chat/completions", key)
    longest = services.config.max_chat_text
    chat, form = await services.pool.parse(partial(_checked, body, longest))
    return await cancel_on_disconnect(request, _answer(request, services, body, chat, form))


def _checked(body: Mapping[str, Any], longest: int) -> tuple[Chat, Form | None]:
    """The chat, and the form that its answer must have, if any."""
    check_length(body, longest)
    chat = read_chat(body)
    is_plain = not (chat.has_images or chat.offers_tools or chat.schema)
    return chat, form_of(chat.messages) if is_plain else None


async def _answer(
    request: Request, services: Services, body: Mapping[str, Any], chat: Chat, form: Form | None
) -> Response:
    server = services.backends.chat_for(chat.model, with_images=chat.has_images)
    if server is not None:
        try:
            return await _forward(server, request, services, body, chat)
        except Unsupported:
            return _response(chat, await _reply(chat, services, request))
    _check_model(chat.model, services)
    if form is not None and not services.config.llm_file:
        return _response(chat, await _filled(chat, form, services))
    if chat.stream and not chat.offers_tools and not chat.has_images:
        return await _stream_live(chat, services)
    return _response(chat, await _reply(chat, services, request))


def _checked_key(request: Request, services: Services) -> str:
    key = bearer_key(request)
    if not key:
        raise Refusal(401, "Your API key is missing: send `Authorization: Bearer <key>`.")
    return check_key(key, services.config)


async def _forward(
    server: ChatServer, request: Request, services: Services, body: Mapping[str, Any], chat: Chat
) -> Response:
    """Forward a request without the caller's key; raises `Unsupported` as the server does."""
    model = await server.model_for(chat.model)
    async with services.uploads(request) as uploads:
        messages = await with_data_urls(chat.messages, uploads)
        sent = request_body(body, model, messages)
        if chat.stream:
            return _event_stream(await server.stream(sent), server.engine(model))
        return json_response(await server.complete(sent), server.engine(model))


def _event_stream(events: AsyncIterator[bytes], engine: str) -> Response:
    headers = {ENGINE_HEADER: engine}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


def _response(chat: Chat, reply: Reply) -> Response:
    if chat.stream:
        return _event_stream(_events(chat, reply), reply.engine)
    return json_response(completion(reply.model or chat.model, reply), reply.engine)


def _check_model(model: str, services: Services) -> None:
    if services.config.llm_file is None:
        problems = catalog.unknown_names("model", [model], _MODELS)
        if problems:
            raise Refusal(400, problems[0], code="model_not_found")


async def _reply(chat: Chat, services: Services, request: Request) -> Reply:
    if chat.has_images:
        if not catalog.takes_images(chat.model):
            message = f"The model {chat.model!r} takes no images; only LLaVA models do."
            raise Refusal(400, message)
        if not chat.offers_tools:
            return await _look(chat, services, request)
    if chat.offers_tools:
        if services.config.llm_file is not None:
            return await _call_tools(chat, services)
        return await _plan(chat, services)
    return await _reply_in(chat, services)


async def _reply_in(chat: Chat, services: Services) -> Reply:
    model = await services.pool.load(services.pool.language_model)
    task = partial(model.generate, _prompt(chat), chat.sampling, schema=chat.schema)
    return _reply_from(await _generated(services.pool, task), model)


async def _filled(chat: Chat, form: Form, services: Services) -> Reply:
    """An answer in the form that the prompt of a framework asks for."""
    reply = await _reply_in(replace(chat, schema=form.schema), services)
    try:
        reply.text = form.write(json.loads(reply.text or ""))
    except ValueError:  # cut off
        logger.info("A form was not filled in to its end.")
    return reply


def _prompt(chat: Chat) -> list[dict[str, str]]:
    """The conversation for the language model, with the form that its answer must have."""
    messages = plain_messages(chat.messages)
    if chat.schema is None:
        return messages
    return [{"role": "system", "content": form_instruction(chat.schema)}, *messages]


async def _generated(pool: EnginePool, task: Callable[[], _ResultT]) -> _ResultT:
    """Run a task of the language model; its ValueErrors are the caller's to correct."""
    try:
        return await pool.write(task)
    except PromptTooLongError as error:
        message = f"The conversation is too long for this model: {error}."
        raise Refusal(400, message, code="context_length_exceeded") from error
    except ProcessEndedError as error:
        raise Refusal(500, f"The chat could not be answered: {error}.") from error
    except ValueError as error:
        raise Refusal(400, f"The language model refused the request: {error}") from error


def _reply_from(done: Completion, model: LanguageModel) -> Reply:
    tokens = done.prompt_tokens, done.completion_tokens
    return Reply(done.text, model.name, [], done.finish_reason, *tokens)


async def _call_tools(chat: Chat, services: Services) -> Reply:
    model = await services.pool.load(services.pool.language_model)

    def call() -> Reply:
        from visioncraft_sandbox import tool_calls  # noqa: PLC0415  # LangChain: it takes a second

        return tool_calls.answer(chat, model)

    return await _generated(services.pool, call)


async def _plan(chat: Chat, services: Services) -> Reply:
    from visioncraft_sandbox import planner  # noqa: PLC0415  # only agents need it

    pool = services.pool
    plan = partial(planner.answer_apart, chat)
    planned = await pool.plan(partial(plan, has_writer=services.config.models))
    if isinstance(planned, Reply):
        return planned
    try:
        model = await pool.load(pool.language_model)
        return await _generated(pool, partial(planner.written, chat, planned, model))
    except Refusal as refusal:
        if refusal.status != 503:
            raise
        # Without its weights, the rules decide.
        done = await pool.plan(partial(plan, has_writer=False))
        assert isinstance(done, Reply)  # noqa: S101  # nobody else could write
        return done


async def _look(chat: Chat, services: Services, request: Request) -> Reply:
    # The pictures of the last message that has some: earlier ones have been discussed.
    asked = next(message for message in reversed(chat.messages) if images_of(message))
    images: list[Image.Image] = []

    eyes = await services.pool.load(services.pool.eyes)

    def work() -> Reply:
        from visioncraft_sandbox.engines import vision  # noqa: PLC0415  # NumPy

        text = vision.describe(images, text_of(asked), eyes=eyes)
        engine = VISION if eyes else MEASURING
        words = sum(count(text_of(message)) for message in chat.messages)
        return Reply(text, engine, [], "stop", words, count(text), engine)

    async with services.uploads(request) as uploads:
        values = {f"image {number}": value for number, value in enumerate(images_of(asked), 1)}
        images += await uploads.pictures(values)
        return await services.pool.work(work)


async def _events(chat: Chat, reply: Reply) -> AsyncIterator[bytes]:
    for event in Chunks(replace(chat, model=reply.model or chat.model)).whole(reply):
        yield event


async def _stream_live(chat: Chat, services: Services) -> Response:
    model = await services.pool.load(services.pool.language_model)
    pieces = _written(chat, model, services.pool)
    # Before the first piece, an error can still set the status.
    first = await anext(pieces)

    async def events() -> AsyncIterator[bytes]:
        chunks, piece = Chunks(chat), first
        try:
            yield chunks.begin()
            while isinstance(piece, str):
                yield chunks.text(piece)
                piece = await anext(pieces)
            for event in chunks.end(piece):
                yield event
        except Refusal as refusal:
            forget_frames(refusal)
            yield chunks.error(refusal.message)
        except RuntimeError as error:
            logger.exception("A streamed answer of the sandbox failed")
            forget_frames(error)
            yield chunks.error("The language model failed.")
        finally:
            await pieces.aclose()

    return _event_stream(events(), model.name)


async def _written(
    chat: Chat, model: LanguageModel, pool: EnginePool
) -> AsyncGenerator[str | Reply, None]:
    """The pieces of an answer while it is written, then the reply, whose text was already sent."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[str | None] = asyncio.Queue()

    def put(piece: str) -> None:
        # The loop may be closed if a stream outlives its server.
        if not loop.is_closed():
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

    prompt = _prompt(chat)
    task = partial(model.generate, prompt, chat.sampling, schema=chat.schema, on_text=put)
    work = asyncio.ensure_future(_generated(pool, task))
    work.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
        yield _reply_from(await work, model)
    finally:
        work.cancel()


async def _llm(job: Job) -> Response:
    wanted: LegacyChatRequest = job.parameters
    services = job.services
    check_length({"messages": wanted.messages}, services.config.max_chat_text)
    check_messages(wanted.messages)
    chat = Chat(model=wanted.model, messages=wanted.messages)
    body = {"model": wanted.model, "messages": wanted.messages}
    return await _answer(job.request, services, body, chat, None)


async def _list_models(request: Request, services: Services) -> Response:
    """The chat models as OpenAI lists them, or one of them."""
    if services.config.keys:
        _checked_key(request, services)
    data = [
        {"id": name, "object": "model", "created": 0, "owned_by": "visioncraft-sandbox"}
        for name in await services.backends.names(_MODELS)
    ]
    wanted = request.path_params.get("id")
    if wanted is None:
        return json_response({"object": "list", "data": data}, CATALOG)
    for each in data:
        if each["id"] == wanted:
            return json_response(each, CATALOG)
    message = f"This host doesn't have model {wanted!r}. GET /v1/models lists those that it has."
    raise Refusal(404, message, code="model_not_found")


ROUTES = (
    route("POST", "/v1/chat/completions", _chat_completions, ErrorStyle.OPENAI),
    route("GET", "/v1/models", _list_models, ErrorStyle.OPENAI),
    route("GET", "/v1/models/{id:path}", _list_models, ErrorStyle.OPENAI),
    Operation("/llm", LegacyChatRequest, ErrorStyle.DETAIL, _llm).route(),
)
