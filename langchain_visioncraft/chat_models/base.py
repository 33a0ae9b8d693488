"""What `ChatVisionCraft` is built from: its fields and its connection."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from typing import Any, ClassVar, Self

from langchain_openai.chat_models.base import BaseChatOpenAI
from pydantic import ConfigDict, Field, PrivateAttr, SecretStr, field_validator, model_validator

from langchain_visioncraft._compat import is_from_httpx
from langchain_visioncraft._copying import HoldsConnections
from langchain_visioncraft.chat_models import parameters
from langchain_visioncraft.chat_models.connection import connect
from langchain_visioncraft.chat_models.profiles import profile_of
from langchain_visioncraft.config import resolve
from langchain_visioncraft.errors import InvalidRequestError
from langchain_visioncraft.media.store import MediaStore
from langchain_visioncraft.version import __version__

_NOT_HERE = {
    "openai_api_key": "Pass api_key=, or set VISIONCRAFT_API_KEY.",
    "openai_api_base": "Pass base_url=, or set VISIONCRAFT_BASE_URL.",
    "openai_organization": "VisionCraft has no organizations.",
    "organization": "VisionCraft has no organizations.",
    "openai_proxy": "Pass http_client= and http_async_client= with a proxy.",
    "http_socket_options": "Pass http_client= and http_async_client= with such a transport.",
    "use_responses_api": "VisionCraft has no Responses API.",
}
"""Settings of OpenAI's class that would be without effect, and what to do instead."""


class _Unconnected:
    """Keeps the inherited class from building clients of its own, with OpenAI's settings."""


_UNCONNECTED = _Unconnected()


class VisionCraftConnectedModel(HoldsConnections, BaseChatOpenAI):
    """OpenAI's chat model connected to VisionCraft, with the parameters that it documents.

    Validators have names of their own throughout: pydantic lets one with the name of an inherited
    one replace it silently.
    """

    # Errors of construction would otherwise quote the beginning of the input, and with it the key.
    # The validators of a class are built at its first use: those of the bases are not needed.
    model_config = ConfigDict(hide_input_in_errors=True, defer_build=True)

    _derived: ClassVar[tuple[str, ...]] = (
        *("client", "async_client", "root_client", "root_async_client"),
    )

    client: Any = Field(default=_UNCONNECTED, exclude=True, repr=False)
    async_client: Any = Field(default=_UNCONNECTED, exclude=True, repr=False)
    root_client: Any = Field(default=None, exclude=True, repr=False)
    root_async_client: Any = Field(default=None, exclude=True, repr=False)

    model_name: str = Field(alias="model", min_length=1)
    """A model of the family ``llm``; `list_models` gives the names."""

    visioncraft_api_key: SecretStr | None = Field(default=None, alias="api_key")
    """The key. Default: ``VISIONCRAFT_API_KEY``."""

    visioncraft_api_base: str | None = Field(default=None, alias="base_url")
    """The root of the host; a trailing ``/`` or ``/v1`` means the same. Default:
    ``VISIONCRAFT_BASE_URL``, else ``https://visioncraft.top``."""

    verify: bool | str | ssl.SSLContext = True
    """Whether TLS certificates are checked, or the path of a CA bundle, or a ready context."""

    request_timeout: Any = Field(default=None, alias="timeout")
    """Seconds: one number for the read timeout, or a pair ``(connect, read)`` in which ``None``
    waits forever. Default: connect 10, read 600."""

    max_retries: int | None = None
    """How often a failed call is tried again, from 0. Default: 2."""

    http_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``httpx.Client`` or ``httpx2.Client`` of your own, used as it is."""

    http_async_client: Any | None = Field(default=None, exclude=True, repr=False)
    """An ``AsyncClient`` of your own. The default one may be used from any event loop."""

    temperature: float | None = None
    """0 to 100; the host's default is 0.7."""

    top_p: float | None = None
    """0 to 1; the host's default is 0.9."""

    top_k: int | None = None
    """0 to 99999; the host's default is 0. Sent in ``extra_body``."""

    repetition_penalty: float | None = None
    """0.01 to 5; the host's default is 1. Sent in ``extra_body``."""

    presence_penalty: float | None = None
    """-2 to 2; the host's default is 0."""

    frequency_penalty: float | None = None
    """-2 to 2; the host's default is 0."""

    max_tokens: int | None = None
    """Longest answer in tokens, 1 to 100000. Less than the documented minimum of 128 is sent as
    128, with one warning an instance."""

    vision: bool | None = None
    """Whether the model takes images. Default: if its profile says so, or its name "llava"."""

    store: MediaStore | None = None  # type: ignore[assignment]  # OpenAI's is a flag, never sent
    """Where handles in image blocks are looked up; a folder or an fsspec URL opens a store."""

    max_image_side: int | None = Field(default=None, ge=1)
    """Pixels: larger pictures are made smaller before they are sent, which takes Pillow (the extra
    ``images``). Links go out as they are."""

    stream_usage: bool | None = True
    """Whether a stream ends with usage metadata. A host that knows no ``stream_options`` needs
    ``False``."""

    stream_chunk_timeout: float | None = Field(default=None, exclude=True)
    """Seconds between two chunks of an async stream; by default only `timeout` counts."""

    use_responses_api: bool | None = False
    """Always false: VisionCraft offers chat completions only."""

    # What follows is inherited, and without a meaning here: it never holds a value, so that
    # nothing from OPENAI_* variables gets into a dump or a pickle.
    openai_api_key: None = Field(default=None, exclude=True, repr=False)
    openai_api_base: None = Field(default=None, exclude=True, repr=False)
    openai_organization: None = Field(default=None, exclude=True, repr=False)
    openai_proxy: None = Field(default=None, exclude=True, repr=False)
    http_socket_options: Any = Field(default=(), exclude=True, repr=False)

    _raised_max_tokens: bool = PrivateAttr(default=False)

    # ---- construction -------------------------------------------------------------------------

    @model_validator(mode="before")
    @classmethod
    def _refuse_settings_of_openai(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name, advice in _NOT_HERE.items():
            if values.get(name):
                msg = f"{name} is a setting of OpenAI. {advice}"
                raise InvalidRequestError(msg)
        return values

    @model_validator(mode="wrap")
    @classmethod
    def _undo_what_names_of_openai_change(cls, values: Any, handler: Callable[[Any], Self]) -> Self:
        """The inherited class changes temperature and profile for names like ``gpt-5``, ``o1``."""
        given = dict(values) if isinstance(values, dict) else None
        model = handler(values)
        if given is not None and "profile" in model.__dict__ and given.get("profile") is None:
            model.__dict__["profile"] = model._resolve_model_profile()
        if given is not None and model.temperature != given.get("temperature"):
            temperature = given.get("temperature")
            parameters.check({"temperature": temperature})
            model.__dict__["temperature"] = None if temperature is None else float(temperature)
        return model

    @field_validator("store", mode="before")
    @classmethod
    def _open_store(cls, value: Any) -> Any:
        return MediaStore(value) if isinstance(value, str | os.PathLike) else value

    @field_validator(*sorted(parameters.DOCUMENTED))
    @classmethod
    def _check_documented_bounds(cls, value: Any, info: Any) -> Any:
        parameters.check({info.field_name: value})
        return value

    @field_validator("extra_body")
    @classmethod
    def _check_bounds_in_extra_body(cls, value: Any) -> Any:
        parameters.check({"extra_body": value})
        return value

    @field_validator("model_kwargs")
    @classmethod
    def _check_bounds_in_model_kwargs(cls, value: dict[str, Any]) -> dict[str, Any]:
        parameters.check(value)
        return value

    @model_validator(mode="after")
    def _connect_to_visioncraft(self) -> Self:
        # The inherited validators, which read OPENAI_* variables, have run before this one.
        self.__dict__.update(
            openai_api_key=None, openai_api_base=None, openai_organization=None, openai_proxy=None
        )
        self._rebuild()
        add_version = getattr(self, "_add_version", None)  # not in langchain-core before 1.3
        if add_version is not None:
            add_version("langchain-visioncraft", __version__)
        return self

    def _rebuild(self) -> None:
        timeout = self.request_timeout
        if is_from_httpx(timeout, "Timeout"):
            timeout = (timeout.connect, timeout.read)
        settings = resolve(
            api_key=self.visioncraft_api_key,
            base_url=self.visioncraft_api_base,
            verify=self.verify,
            timeout=timeout,
            max_retries=self.max_retries,
        )
        client, async_client = connect(
            settings,
            http_client=self.http_client,
            http_async_client=self.http_async_client,
            headers=self.default_headers,
            query=self.default_query,
        )
        # Past __setattr__, so that a key from the environment does not count as passed in.
        self.__dict__.update(
            visioncraft_api_key=settings.api_key,
            visioncraft_api_base=settings.base_url,
            root_client=client,
            client=client.chat.completions,
            root_async_client=async_client,
            async_client=async_client.chat.completions,
        )

    def _resolve_model_profile(self) -> Any:
        # The inherited one is OpenAI's, and would apply to a model called gpt-4o.
        return profile_of(self.model_name)

    @property
    def model(self) -> str:
        """The same as `model_name`."""
        return self.model_name
