"""The settings that the tools and the toolkit share."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SkipValidation

from langchain_visioncraft._keywords import KnownKeywords
from langchain_visioncraft.client.pair import AnyClient, ConnectionSettings, connect
from langchain_visioncraft.config import FolderTypes, KeyTypes, VerifyTypes
from langchain_visioncraft.media import MediaStore


def _json_form(value: Any) -> Any:
    """A class of arguments as its JSON schema, a function or a TLS context as text."""
    if isinstance(value, type) and issubclass(value, BaseModel):
        return value.model_json_schema()
    return value if isinstance(value, bool | str) else str(value)


InJSON = PlainSerializer(_json_form, when_used="json-unless-none")


class ToolSettings(KnownKeywords, BaseModel):
    """The settings of the tools and the toolkit: a connection, a store, a model's permissions."""

    # pydantic's messages show part of the input, which may include the key.
    model_config = ConfigDict(
        arbitrary_types_allowed=True, extra="forbid", hide_input_in_errors=True
    )

    hidden_from_model: ClassVar[frozenset[str]] = frozenset()
    """Parameters that only the developer sets."""

    api_key: KeyTypes = Field(default=None, repr=False)
    base_url: str | None = None
    verify: Annotated[SkipValidation[VerifyTypes | None], InJSON] = None
    timeout: float | tuple[float | None, float | None] | None = None
    max_retries: int | None = None
    http_client: Any = Field(default=None, repr=False, exclude=True)
    http_async_client: Any = Field(default=None, repr=False, exclude=True)
    rate_limiter: BaseRateLimiter | None = Field(default=None, repr=False, exclude=True)
    deadline: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    client: AnyClient | None = Field(default=None, repr=False, exclude=True)
    store: MediaStore = Field(default_factory=MediaStore, exclude=True)
    content: Literal["text", "blocks"] = "text"
    allowed_dirs: FolderTypes = Field(default_factory=list)
    cache: bool = False

    def _connect(self) -> AnyClient:
        names = ConnectionSettings.__annotations__.keys() - self.hidden_from_model
        given: Any = {name: getattr(self, name) for name in names}
        return connect(self.client, given)
