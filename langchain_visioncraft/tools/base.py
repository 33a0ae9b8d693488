"""`VisionCraftTool`, the base of all tools: sync, async, artifacts, the error policy."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal, Self, get_type_hints

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from pydantic import (
    BaseModel,
    ConfigDict,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from langchain_visioncraft._copying import HoldsConnections
from langchain_visioncraft._redact import shortened
from langchain_visioncraft._schemas import coerced
from langchain_visioncraft._threads import SMALL_BYTES, AtOnceIfQuick, in_thread
from langchain_visioncraft.client import AsyncVisionCraftClient, VisionCraftClient
from langchain_visioncraft.client.endpoint import Endpoint
from langchain_visioncraft.client.fields import Request
from langchain_visioncraft.client.options import TakesEmptyTexts, describe_problems
from langchain_visioncraft.client.pair import client_pair
from langchain_visioncraft.client.spool import discard_spools
from langchain_visioncraft.context import run_context
from langchain_visioncraft.errors import VisionCraftError
from langchain_visioncraft.media import Media
from langchain_visioncraft.media.access import label_for_provenance, readable_source
from langchain_visioncraft.media.sidecar import Usage
from langchain_visioncraft.tools.arguments import AsFunction, arguments_in, arguments_of
from langchain_visioncraft.tools.jobs import Job, cache_key, usage_of
from langchain_visioncraft.tools.progress import areport, report
from langchain_visioncraft.tools.settings import InJSON, ToolSettings

_MOST_ARGUMENTS = 100
_LONGEST_MESSAGE = 1500
"""Characters. An error message for a model repeats its arguments, which may be megabytes."""


def _bytes_in(result: Any) -> int:
    media = result if isinstance(result, list) else ()
    return sum(each.size for each in media if isinstance(each, Media))


def _describe_validation(error: Any) -> str:
    """The message for a model whose arguments do not fit."""
    problems = describe_problems(error) if isinstance(error, ValidationError) else str(error)
    shown = shortened(problems, _LONGEST_MESSAGE)
    return f"The arguments are not valid. {shown}. Nothing was done; correct them and try again."


@functools.lru_cache(maxsize=64)
def _schema_of(arguments: type[BaseModel]) -> dict[str, Any]:
    return arguments.model_json_schema()


class VisionCraftTool(ToolSettings, HoldsConnections, StructuredTool, TakesEmptyTexts):
    """Base of the tools: a `StructuredTool` with a real async side, which can be pickled.

    Fields with the name of an endpoint's parameter set its default; the arguments of a call
    override it. The settings of the connection are those of `VisionCraftClient`.

    A tool returns:

    - content: one line per medium, ``a1b2c3d4e5f6.png (image/png, 1024x1024, 1.4 MB)``; with
      ``content="blocks"``, the pictures as well, as content blocks;
    - artifact: plain dictionaries; ``Media.from_artifact(message.artifact)`` returns the media.

    Errors that a model can correct (a bad argument, an unknown handle, a rate limit, a refused
    prompt) are returned as an error `ToolMessage`; others are raised.

    Attributes:
        client: A ready client (sync or async), instead of the settings of the connection.
        store: Where media are kept and handles are looked up. Default: ``visioncraft-media``.
        content: ``"text"`` or ``"blocks"``.
        allowed_dirs: Folders from which a model may name local files. Default: none.
        cache: Whether a repeated request, with the same seed if the engine takes one, is answered
            from the store without a call. Default: no.
    """

    # Validators are built only for tools that are used, not for all that are imported.
    model_config = ConfigDict(extra="forbid", defer_build=True)

    response_format: Literal["content", "content_and_artifact"] = "content_and_artifact"
    handle_tool_error: Annotated[bool | str | Callable[[ToolException], str] | None, InJSON] = True
    handle_validation_error: Annotated[Any, InJSON] = _describe_validation
    args_schema: Annotated[Any, InJSON] = None

    func: ClassVar[AsFunction] = AsFunction()  # type: ignore[misc]  # no field: see there

    _derived: ClassVar[tuple[str, ...]] = ("args_schema",)

    makes_media: ClassVar[bool] = True
    """Whether it makes pictures, GIFs or videos."""

    is_charged: ClassVar[bool] = True
    """Whether a call counts: it goes into the ledger of the store."""

    _sync_client: VisionCraftClient = PrivateAttr()
    _async_client: AsyncVisionCraftClient = PrivateAttr()
    _small_saves: AtOnceIfQuick = PrivateAttr()

    # Defined by each tool class

    endpoint_name: ClassVar[str]
    """The endpoint that it calls, if there is only one."""

    api_versions: ClassVar[Mapping[str, Endpoint[..., Any, Any]]] = {}
    """The endpoints of a capability whose path or parameters changed over time."""

    version_field: ClassVar[str] = "api_version"
    """The field that chooses one of them."""

    def endpoint(self) -> Endpoint[..., Any, Any]:
        """The endpoint that this tool calls, with its present settings."""
        if self.api_versions:
            return self.api_versions[getattr(self, self.version_field)]
        from langchain_visioncraft.client import endpoints  # noqa: PLC0415 -- slow to import

        called: Endpoint[..., Any, Any] = getattr(endpoints, self.endpoint_name)
        return called

    def request(self) -> type[Request]:
        """The request model; the model sees its parameters, except those hidden from it."""
        request: type[Request] = self.endpoint().request
        return request

    def parameters(self) -> dict[str, FieldInfo]:
        """The parameters that a call may have."""
        return self.request().model_fields

    def finish(self, result: Any, job: Job) -> tuple[Any, Any]:
        """Turn the result of the flow into content and artifact; by default, save the media."""
        job.made = [
            self.store.add(
                medium,
                tool=self.name,
                arguments=job.arguments_of(medium),
                sources=job.sources,
                call=job.call.of([medium]).facts() if job.call else None,
            )
            for medium in result
        ]
        return self._content_of(job.made), Media.to_artifact(job.made)

    # Construction

    @model_validator(mode="after")
    def _connect_and_describe(self) -> Self:
        known = {name for each in self.api_versions.values() for name in each.request.model_fields}
        unused = (self.model_fields_set & known) - set(self.request().model_fields)
        if unused:
            names = ", ".join(sorted(unused))
            msg = f"{self.endpoint()} has no parameter {names}: another {self.version_field} has"
            raise ValueError(msg)
        if self.api_versions:
            self._check_api_version()
        self._rebuild()
        return self

    def _check_api_version(self) -> None:
        """Refuse parameters of other generations: fields have the widest bounds of all."""
        request = self.request()
        given = self.model_fields_set & set(request.model_fields)
        try:
            request.model_validate({name: getattr(self, name) for name in given})
        except ValidationError as error:
            wrong = [
                f"{problem['loc'][0]}: {problem['msg']}"
                for problem in error.errors(include_url=False, include_input=False)
                if problem["type"] != "missing"
            ]
            if wrong:
                raise ValueError("; ".join(wrong)) from None

    def _rebuild(self) -> None:
        """Rebuild what depends on the fields."""
        self._sync_client, self._async_client = client_pair(self._connect())
        self._small_saves = AtOnceIfQuick()
        # Bypasses our own __setattr__, which would call this again.
        super().__setattr__("args_schema", self._build_args_schema())

    def _build_args_schema(self) -> type[BaseModel]:
        """The arguments that a model fills in: those with a default here are optional."""
        own, parameters = type(self).model_fields, self.parameters()
        shown = [name for name in parameters if name not in self.hidden_from_model]
        return arguments_of(
            f"{type(self).__name__}Arguments",
            self.description,
            {name: parameters[name] for name in shown},
            defaults={name: getattr(self, name) for name in shown if name in own},
            media=self.request().media_kinds,
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in type(self).model_fields or name in self._derived or not self.args_schema:
            super().__setattr__(name, value)
            return
        before = getattr(self, name)
        super().__setattr__(name, value)
        try:
            self._rebuild()
        except Exception:
            super().__setattr__(name, before)
            raise

    def _own_http_clients(self) -> tuple[Any, Any]:
        return self._sync_client.http_client, self._sync_client.http_async_client

    # One call

    def prepare(self, arguments: Mapping[str, Any]) -> Job:
        """Find the media that the arguments name, check everything, and build the flow.

        Raises:
            InvalidRequestError: If an argument is invalid; nothing was sent.
        """
        kinds = self.request().media_kinds
        given = {name: value for name, value in arguments.items() if value is not None}
        shown, sources = dict(given), []
        for name in (name for name in kinds if name in given):
            source = readable_source(given[name], self.store, self.allowed_dirs)
            given[name] = source
            shown[name] = label_for_provenance(source)
            sources.append(shown[name])
        given |= self.hidden_arguments()
        return Job(work=self.endpoint()(**given), arguments=shown, sources=sources)

    def hidden_arguments(self) -> dict[str, Any]:
        """The values of `hidden_from_model`; by default, those of the fields with these names."""
        values = {name: getattr(self, name) for name in self.hidden_from_model}
        return {name: value for name, value in values.items() if value is not None}

    def execute(self, job: Job) -> Any:
        """Do the work."""
        return self._sync_client.run(job.work, on_progress=report, spool_dir=self.store.spool_dir)

    async def aexecute(self, job: Job) -> Any:
        """Do the work without blocking."""
        return await self._async_client.run(
            job.work, on_progress=areport, spool_dir=self.store.spool_dir
        )

    # At every call, LangChain searches all annotations of the schema twice for arguments to inject.
    # The schema here is built from a request and has none.

    def _to_args_and_kwargs(
        self,
        tool_input: str | dict[str, Any],
        tool_call_id: str | None,  # noqa: ARG002 -- as in BaseTool
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        parameters = self.args_schema.model_fields
        if not parameters:  # models send arguments nevertheless
            return (), {}
        if isinstance(tool_input, str):
            tool_input = arguments_in(tool_input, list(parameters))
        if len(tool_input) > _MOST_ARGUMENTS:  # it is refused, without a check of each
            known = {name: tool_input[name] for name in parameters if name in tool_input}
            tool_input = {**dict(islice(tool_input.items(), _MOST_ARGUMENTS)), **known}
        checked = self._checked(tool_input)
        return (), {name: getattr(checked, name) for name in parameters}

    def _checked(self, given: dict[str, Any]) -> BaseModel:
        """The arguments, with obvious equivalents converted to the right types."""
        arguments: type[BaseModel] = self.args_schema
        try:
            return arguments.model_validate(given)
        except ValidationError:
            meant = coerced(given, _schema_of(arguments))
            if meant == given:
                raise
            return arguments.model_validate(meant)

    def _filter_injected_args(self, tool_input: dict[str, Any]) -> dict[str, Any]:
        return dict(tool_input)

    # Without `config` and `run_manager`: code inside finds the run in the context.

    def _run(self, *_: Any, **arguments: Any) -> Any:
        tool = self._in_this_run()
        with tool._telling_the_model():
            job = tool.prepare(arguments)
            if (known := tool._known(job)) is not None:
                return known
            began = time.monotonic()
            return tool._keep(tool.execute(job), job, time.monotonic() - began)

    async def _arun(self, *_: Any, **arguments: Any) -> Any:
        tool = self._in_this_run()
        with tool._telling_the_model():
            # The store must not block the event loop, and is not used if no argument is a medium.
            if tool.request().media_kinds:
                job = await asyncio.to_thread(tool.prepare, arguments)
            else:
                job = tool.prepare(arguments)
            if self.cache and (known := await asyncio.to_thread(tool._known, job)) is not None:
                return known
            began = time.monotonic()
            result = await tool.aexecute(job)
            # Hashing a large file, or accessing remote storage, would block the event loop.
            local = tool.store.spool_dir is not None and _bytes_in(result) <= SMALL_BYTES
            keep = tool._small_saves if local else in_thread
            return await keep(tool._keep, result, job, time.monotonic() - began)

    def _in_this_run(self) -> Self:
        """This tool, with the key and the store of the run if that has its own."""
        context = run_context()
        if context is None:
            return self
        tool = self.model_copy()
        tool.__dict__["store"] = context.store_in(self.store)
        if isinstance(context.api_key, SecretStr):
            tool._sync_client = self._sync_client.with_key(context.api_key)
            tool._async_client = self._async_client.with_key(context.api_key)
        return tool

    def _key(self, job: Job) -> str | None:
        """The key under which the answer of a call is cached, if it is cached."""
        if not (self.cache and self.makes_media):
            return None
        return cache_key(job, self.endpoint(), self._sync_client.settings.base_url, self.store)

    def _known(self, job: Job) -> tuple[Any, Any] | None:
        """The cached answer of the same call, if there is one."""
        key = self._key(job)
        media = self.store.recall(key) if key else None
        if not media:
            return None
        call = usage_of(self.name, self.endpoint(), job.arguments.get("model"), 0.0)
        self._enter(call.model_copy(update={"cached": True}), media)
        artifact = Media.to_artifact(media)
        each = artifact if isinstance(artifact, list) else [artifact]
        for facts in each:
            facts["cached"] = True
        return self._content_of(media), artifact

    def _enter(self, call: Usage, media: Sequence[Media]) -> None:
        with contextlib.suppress(OSError):  # a paid result must not be lost because of it
            self.store.record(call.of(media))

    def _keep(self, result: Any, job: Job, seconds: float) -> tuple[Any, Any]:
        model = job.arguments.get("model") or getattr(self, "model", None)
        job.call = usage_of(self.name, self.endpoint(), model, seconds)
        try:
            given = self.finish(result, job)
            if self.is_charged:
                self._enter(job.call, job.made)
            if not job.problems and (key := self._key(job)):
                with contextlib.suppress(OSError):
                    self.store.remember(key, job.made)
            return given
        finally:
            discard_spools(result)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 -- LangChain's name
        """Run without blocking. `StructuredTool` would run the sync side: see `BaseTool`."""
        return await BaseTool.ainvoke(self, input, config, **kwargs)

    @contextlib.contextmanager
    def _telling_the_model(self) -> Iterator[None]:
        """Turn a recoverable error into a `ToolException`, which LangChain turns into a message."""
        try:
            yield
        except VisionCraftError as error:
            if error.recoverable and self.handle_tool_error:
                raise ToolException(shortened(str(error), _LONGEST_MESSAGE)) from error
            raise

    def _content_of(self, media: Sequence[Media]) -> Any:
        text = "\n".join(medium.describe() for medium in media)
        pictures = [medium for medium in media if medium.mime_type.startswith("image/")]
        if self.content == "text" or not pictures:
            return text
        return [{"type": "text", "text": text}, *(medium.block() for medium in pictures)]


# LangChain reads these at every call, and Python would compute them again each time.
for _method in (VisionCraftTool._run, VisionCraftTool._arun):
    _method.__annotations__ = get_type_hints(_method)
    vars(_method)["__signature__"] = inspect.signature(_method)
