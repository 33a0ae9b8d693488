"""Where a key could show: a table of places, each of which gives all that it holds as text.

A new place is one more function with `@place`. It does something with a `Scene`, whose key is the
canary, and yields what could be seen by somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile_corpus import no_network
from langchain_core.load import dumpd, dumps
from langchain_core.messages import AIMessage
from langchain_core.tracers.base import BaseTracer
from langchain_core.tracers.schemas import Run
from pydantic import SecretStr, ValidationError
from rich.traceback import Traceback
from tool_service import HOST, KEY, TOOLS, Service, arguments_for

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    ChatVisionCraftLegacy,
    MediaStore,
    VisionCraftCaptionParser,
    VisionCraftClient,
    VisionCraftMediaLoader,
    VisionCraftTextToImage,
    VisionCraftToolkit,
    VisionCraftTranscriptParser,
    config,
)
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    InvalidRequestError,
    MediaInputError,
    MissingKeyError,
    RateLimitError,
    ServerError,
    TimedOutError,
    TruncatedAnswerError,
    UnexpectedAnswerError,
    VisionCraftError,
)

PARTS = (KEY, KEY[:12], KEY[-8:])
"""Not only the whole key: messages that are cut short show a part of it."""
HERE = Path(__file__).parent
COOKBOOK = HERE.parent / "cookbook"
Place = Callable[["Scene"], Iterator[Any]]
PLACES: dict[str, Place] = {}


def place(work: Place) -> Place:
    PLACES[work.__name__.replace("_", " ")] = work
    return work


@dataclass
class Scene:
    """What a place may use.

    Attributes:
        settings: Of the connection, with the key unless the environment has it.
        service: The host.
        store: Empty at first.
    """

    settings: dict[str, Any]
    service: Service
    store: MediaStore

    def plain(self) -> dict[str, Any]:
        """The settings without HTTP clients, which neither pickle nor copy."""
        return {k: v for k, v in self.settings.items() if not k.startswith("http_")}

    def objects(self, **settings: Any) -> list[Any]:
        """One of each public class that knows a key."""
        common = settings or self.settings
        return [
            *(kind(store=self.store, **common) for kind in TOOLS),
            VisionCraftToolkit(store=self.store, **common),
            VisionCraftClient(**common),
            AsyncVisionCraftClient(**common),
            ChatVisionCraft(model="m", **common),
            ChatVisionCraftLegacy(model="Mixtral-8x7B-Instruct-v0.1", **common),
            VisionCraftCaptionParser(**common),
            VisionCraftTranscriptParser(**common),
            VisionCraftMediaLoader([], **common),
        ]


def found_in(text: Any) -> str | None:
    """What stands before the key in a text, if it is there."""
    shown = text.decode("latin-1") if isinstance(text, bytes) else str(text)
    for part in PARTS:
        position = shown.lower().find(part.lower())
        if position >= 0:
            return f"…{shown[max(0, position - 160) : position]}[the key]"
    return None


@place
def representations(scene: Scene) -> Iterator[Any]:
    for thing in scene.objects():
        yield repr(thing)
        yield str(thing)
        yield repr(vars(thing))
        yield from map(repr, vars(thing).values())


@place
def dumps_of_pydantic(scene: Scene) -> Iterator[Any]:
    for thing in scene.objects():
        if hasattr(thing, "model_dump"):
            yield thing.model_dump()
            yield thing.model_dump(mode="json", fallback=repr)
            yield thing.model_dump_json(fallback=repr)


@place
def dumps_of_langchain(scene: Scene) -> Iterator[Any]:
    for thing in scene.objects():
        yield dumpd(thing)
        yield dumps(thing)
        yield getattr(thing, "lc_attributes", "")
        yield getattr(thing, "_identifying_params", "")


@place
def copies(scene: Scene) -> Iterator[Any]:
    for thing in scene.objects(**scene.plain()):
        yield repr(copy.copy(thing))
        yield repr(copy.deepcopy(thing))


@place
def sidecars_and_caches(scene: Scene) -> Iterator[Any]:
    picture = HERE / "media" / "cat.jpg"
    cache = Path(scene.store.root).parent / "cache"
    for kind in TOOLS:
        tool = kind(store=scene.store, **scene.settings)
        tool.invoke(arguments_for(kind, scene.store))
    loader = VisionCraftMediaLoader(picture, cache=str(cache), **scene.settings)
    assert loader.load()
    files = [path for path in cache.parent.rglob("*") if path.is_file()]
    assert any(path.suffix == ".json" for path in files)
    assert any(cache in path.parents for path in files)
    yield from (path.read_bytes() for path in files)
    yield from map(str, files)


@place
def cassettes_and_what_else_is_in_the_repository(_: Scene) -> Iterator[Any]:
    for path in (*sorted(HERE.glob("cassettes/*.yaml")), *sorted(COOKBOOK.rglob("*.ipynb"))):
        yield path.read_bytes()


@place
def the_page_of_the_demo(scene: Scene) -> Iterator[Any]:
    from story_page import write_page  # of the cookbook

    messages: list[Any] = []
    for kind in TOOLS:
        tool = kind(store=scene.store, **scene.settings)
        asked = {"name": tool.name, "args": arguments_for(kind, scene.store), "id": tool.name}
        messages.append(AIMessage("", tool_calls=[asked]))
        messages.append(tool.invoke({**asked, "type": "tool_call"}))
    messages.append(ChatVisionCraft(model="m", **scene.settings).invoke("Hi"))
    page = write_page(
        Path(scene.store.root).parent,
        title="A story",
        story=["Mina climbs the hill.", "A storm breaks over the sea."],
        messages=messages,
        store=scene.store,
        note=COOKBOOK / "assets" / "spoken_note.ogg",
    ).read_text()
    assert all(message.name in page for message in messages if message.type == "tool")
    yield page


class _Kept(BaseTracer):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def _persist_run(self, run: Run) -> None:
        self.texts.append(run.model_dump_json(fallback=repr))


@place
def runs_of_tracers(scene: Scene) -> Iterator[Any]:
    tracer = _Kept()
    for kind in TOOLS:
        tool = kind(store=scene.store, **scene.settings)
        tool.invoke(arguments_for(kind, scene.store), {"callbacks": [tracer], "metadata": {"a": 1}})
    ChatVisionCraft(model="m", **scene.settings).invoke("Hi", {"callbacks": [tracer]})
    assert len(tracer.texts) > len(TOOLS)
    yield from tracer.texts


# Errors, with all that hangs on them

_LETTERS = len(KEY) - 1
CUT = (
    f"<html>{'<b>' * ((4090 - _LETTERS) // 3)}{' ' * ((4090 - _LETTERS) % 3)}{KEY}",
    f"{' ' * ((1 << 16) - _LETTERS)}{KEY}",
    f"a{' ' * (4095 - _LETTERS)}{KEY}",
    json.dumps({"error": f"a{' ' * (4095 - _LETTERS)}{KEY}"}),
)
"""Bodies whose first 4,096 characters, or 64 KiB, end just before the last letter of the key."""

Failing = tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[..., Any]]
"""What must be raised, and what makes it so: an answer of the host, or something to do."""


def failures(scene: Scene) -> Iterator[BaseException]:
    """One error of each way in which things fail, sync and async."""
    for kind, answer in _bad_answers():
        scene.service.answers = dict.fromkeys(("/sd", "/v1/chat/completions"), answer)
        for work in _calls(scene):
            yield raised(kind, work)
    for kind, work in _bad_arguments(scene):
        yield raised(kind, work)


def raised(
    kind: type[BaseException] | tuple[type[BaseException], ...], work: Callable[[], Any]
) -> BaseException:
    """What `work` raises. Of another kind, it would be searched in place of what the row names."""
    error: BaseException | None = None
    try:
        work()
    except BaseException as caught:
        error = caught
    assert isinstance(error, kind), (
        f"{getattr(kind, '__name__', kind)} was to be raised, not {error!r}"
    )
    return error


def _bad_arguments(scene: Scene) -> Iterator[Failing]:
    missing = {"image": Path("/no/such/file.png")}
    yield (
        MediaInputError,
        lambda: VisionCraftClient(**scene.settings).run(endpoints.upscale(**missing)),
    )
    key = SecretStr(KEY)
    for wrong in ({"base_url": "x"}, {"max_retries": -1}, {"timeout": -1}, {"verify": "/no/such"}):
        given = {"api_key": KEY, **wrong}
        yield InvalidRequestError, lambda given=given: VisionCraftClient(**given)
        if "verify" not in wrong:  # whether there is such a file is not asked there
            yield InvalidRequestError, lambda given=given: config.resolve(**given)
        given = {**given, "api_key": key, "model": "m"}
        yield ValidationError, lambda given=given: ChatVisionCraft(**given)
    yield MissingKeyError, lambda: VisionCraftClient(api_key=f"{KEY} with blanks")


def _bad_answers() -> Iterator[Failing]:
    def refuse(request: Any) -> Any:
        raise httpx.ConnectError(f"no route for {request.url}", request=request)

    def break_off(request: Any) -> Any:
        raise httpx.WriteError("broken pipe", request=request)

    def stall(request: Any) -> Any:
        raise httpx.ReadTimeout("stalled", request=request)

    yield from ((ConnectionFailedError, refuse), (ConnectionFailedError, break_off))
    yield TimedOutError, stall
    for kind in (asyncio.CancelledError, KeyboardInterrupt, SystemExit, RuntimeError):
        yield kind, _stopped_by(kind)
    words = {"error": f"The key {KEY} is not good."}
    for status, refusal in (
        (200, BadRequestError),
        (400, BadRequestError),
        (401, AuthenticationError),
        (429, RateLimitError),
        (500, ServerError),
    ):
        yield refusal, lambda _, status=status: httpx.Response(status, json=words)
    for place in (f"http://x/?token={KEY}", f"http://{KEY.upper()}.example/"):
        away = {"location": place}
        yield UnexpectedAnswerError, lambda _, away=away: httpx.Response(302, headers=away)
    for cut in CUT:
        yield ServerError, lambda _, cut=cut: httpx.Response(500, content=cut)
        kind = (BadRequestError, UnexpectedAnswerError, TruncatedAnswerError)
        yield kind, lambda _, cut=cut: httpx.Response(200, content=cut)


def _calls(scene: Scene) -> list[Callable[[], Any]]:
    client = VisionCraftClient(**scene.settings)
    async_client = AsyncVisionCraftClient(**scene.settings)
    chat = ChatVisionCraft(model="m", **scene.settings)
    tool = VisionCraftTextToImage(store=scene.store, handle_tool_error=False, **scene.settings)

    def drawing() -> Any:  # the key is in the body
        return endpoints.text_to_image(prompt="x", model="m")

    def chatting() -> Any:  # the key is in a header
        return endpoints.chat(model="m", messages=[{"role": "user", "content": "Hi"}])

    async def stream() -> list[Any]:
        return [chunk async for chunk in chat.astream("Hi")]

    return [
        lambda: client.run(drawing()),
        lambda: client.run(chatting()),
        lambda: chat.invoke("Hi"),
        lambda: list(chat.stream("Hi")),
        lambda: tool.invoke({"prompt": "x"}),
        lambda: asyncio.run(async_client.run(drawing())),
        lambda: asyncio.run(async_client.run(chatting())),
        lambda: asyncio.run(chat.ainvoke("Hi")),
        lambda: asyncio.run(stream()),
        lambda: asyncio.run(tool.ainvoke({"prompt": "x"})),
    ]


def _stopped_by(error: type[BaseException]) -> Callable[[Any], Any]:
    """Something else ends a call while frames below hold the request; here, those of `json`."""

    def respond(request: Any) -> Any:
        def stop(_: Any) -> Any:
            if error is asyncio.CancelledError:
                _cancel_who_waits()
            raise error

        sent = json.dumps([dict(request.headers), request.content.decode()])
        return json.loads(sent, object_hook=stop)

    return respond


def _cancel_who_waits() -> None:
    """A call is cancelled from outside; LangChain makes an AttributeError of one from inside."""
    with contextlib.suppress(RuntimeError):  # a sync call has no loop
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    """An error, its causes and contexts."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@place
def errors_with_causes_and_notes(scene: Scene) -> Iterator[Any]:
    errors = list(failures(scene))
    assert len(errors) > 130
    for error in errors:
        yield "".join(traceback.format_exception(error))
        for each in chain_of(error):
            yield repr((str(each), each.args, vars(each), getattr(each, "__notes__", ())))


@place
def tracebacks_with_locals(scene: Scene) -> Iterator[Any]:
    for error in failures(scene):
        for each in chain_of(error):
            told = traceback.TracebackException(
                type(each), each, each.__traceback__, capture_locals=True, compact=True
            )
            for frame in told.stack:
                # What the caller's own frames hold is the caller's.
                if not Path(frame.filename).is_relative_to(HERE):
                    yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"


@place
def locals_of_refused_constructors(scene: Scene) -> Iterator[Any]:
    """With the key as a plain text, as most people pass it; pydantic shows what its models got."""
    wrong: list[dict[str, Any]] = [
        {"timeout": "x"},
        {"deadline": -1},
        {"base_url": "ftp://elsewhere"},
        {"no_such_keyword": 1},
    ]
    work: list[Callable[[], Any]] = [
        *(lambda each=each: VisionCraftClient(api_key=KEY, **each) for each in wrong),
        *(lambda each=each: VisionCraftMediaLoader([], api_key=KEY, **each) for each in wrong),
        *(lambda each=each: VisionCraftCaptionParser(api_key=KEY, **each) for each in wrong),
        *(lambda each=each: VisionCraftTranscriptParser(api_key=KEY, **each) for each in wrong),
        lambda: VisionCraftMediaLoader([], api_key=KEY, on_error="x"),  # type: ignore[arg-type]
        lambda: VisionCraftCaptionParser(api_key=KEY, max_calls=-1),
        lambda: VisionCraftTranscriptParser(api_key=KEY, max_seconds=-1),
        lambda: VisionCraftClient(**scene.plain()).with_key(f"{KEY}\n{KEY}"),
    ]
    for each in work:
        error = raised((InvalidRequestError, MissingKeyError, TypeError), each)
        told = traceback.TracebackException(
            type(error), error, error.__traceback__, capture_locals=True
        )
        for frame in told.stack:
            if not Path(frame.filename).is_relative_to(HERE):
                yield f"{frame.filename}:{frame.lineno} {frame.name} {frame.locals}"


@place
def tracebacks_of_rich(scene: Scene) -> Iterator[Any]:
    for error in failures(scene):
        for each in chain_of(error):
            trace = Traceback.extract(
                type(each), each, each.__traceback__, show_locals=True, locals_max_string=10_000
            )
            for stack in trace.stacks:
                for frame in stack.frames:
                    if not Path(frame.filename).is_relative_to(HERE):
                        for name, node in (frame.locals or {}).items():
                            yield f"{frame.filename}:{frame.lineno} {name} = {node}"


@place
def pickled_errors(scene: Scene) -> Iterator[Any]:
    for error in failures(scene):
        # An error of pydantic keeps what it was given, with the wrapped key: its owner asked.
        if isinstance(error, VisionCraftError):
            yield pickle.dumps(error)


# Identities of others


@place
def what_links_are_asked_with(scene: Scene) -> Iterator[Any]:
    """Also nothing of what a given HTTP client carries for the API."""
    asked: list[Any] = []

    def respond(request: Any) -> Any:
        asked.append(request)
        if request.url.path == "/sd":
            url = "http://93.184.216.34/a.png"
            return httpx.Response(200, json={"url": url}, headers={"set-cookie": f"session={KEY}"})
        return httpx.Response(200, content=(HERE / "media" / "cat.png").read_bytes())

    http = httpx.Client(
        transport=httpx.MockTransport(respond),
        headers={"X-Api-Key": KEY, "Authorization": f"Basic {KEY}", "Cookie": f"a={KEY}"},
        auth=("me", KEY),
        cookies={"session": KEY},
    )
    client = VisionCraftClient(api_key=KEY, base_url=HOST, http_client=http)
    with no_network():
        client.run(endpoints.text_to_image(prompt="x", model="m"))
    first, link = asked
    assert KEY in first.headers["X-Api-Key"]
    assert not {"x-api-key", "authorization", "cookie"} & {*link.headers}  # `auth` is in base64
    yield from (str(link.url), json.dumps(dict(link.headers)), link.content)
