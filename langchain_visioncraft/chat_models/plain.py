"""The service's OpenAI-compatible chat endpoint as a LangChain chat model: requests and answers."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import openai
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_visioncraft.chat_models import parameters
from langchain_visioncraft.chat_models.base import VisionCraftConnectedModel
from langchain_visioncraft.chat_models.errors import CHAT_ENDPOINT, Boundary, both
from langchain_visioncraft.chat_models.images import ImageRules, prepare_messages
from langchain_visioncraft.chat_models.tokens import estimate_message_tokens, estimate_tokens
from langchain_visioncraft.config import API_KEY_VARIABLE
from langchain_visioncraft.errors import InvalidRequestError, TruncatedAnswerError

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForLLMRun,
        CallbackManagerForLLMRun,
    )
    from langchain_core.language_models import LangSmithParams, LanguageModelInput
    from langchain_core.tools import BaseTool

PROVIDER = "visioncraft"


class PlainChatModel(VisionCraftConnectedModel):
    """Asks the endpoint as it is: messages, parameters and native tools go out unchanged."""

    # ---- the request --------------------------------------------------------------------------

    @property
    def _default_params(self) -> dict[str, Any]:
        inherited = super()._default_params
        params = {
            name: value for name, value in inherited.items() if name not in parameters.NEVER_SENT
        }
        own = {name: getattr(self, name) for name in parameters.EXTRA}
        return parameters.fold({**params, **{k: v for k, v in own.items() if v is not None}})

    def _get_request_payload(
        self,
        input_: LanguageModelInput,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        parameters.check(kwargs)
        model = kwargs.get("model") or self.model_name
        rules = ImageRules(
            model=model, vision=self.vision, store=self.store, max_side=self.max_image_side
        )
        messages = prepare_messages(self._convert_input(input_).to_messages(), rules)
        options = parameters.fold(kwargs, self._default_params.get("extra_body"))
        # Set even if empty: otherwise the instance's would come back.
        options.setdefault("extra_body", None)
        try:
            payload = super()._get_request_payload(messages, stop=stop, **options)
        except (ValueError, TypeError, KeyError) as error:
            kind = both(InvalidRequestError, type(error))
            msg = f"Nothing was sent: the messages cannot be brought to OpenAI's form ({error})."
            raise kind(msg) from error
        payload = {
            name: value
            for name, value in payload.items()
            if value is not None
            or name not in (*parameters.DOCUMENTED, "extra_body", "stop", "model")
        }
        parameters.refuse_unknown(payload, CHAT_ENDPOINT)
        return self._with_enough_tokens(payload)

    def _with_enough_tokens(self, payload: dict[str, Any]) -> dict[str, Any]:
        if not parameters.is_below_minimum(payload.get("max_tokens")):
            return payload
        if not self._raised_max_tokens:
            self._raised_max_tokens = True
            warnings.warn(
                f"max_tokens={payload['max_tokens']} is sent as {parameters.MIN_MAX_TOKENS}, the "
                "documented minimum; answers may be longer than you asked for.",
                UserWarning,
                stacklevel=2,
            )
        return {**payload, "max_tokens": parameters.MIN_MAX_TOKENS}

    def bind(self, **kwargs: Any) -> Any:
        """Bind parameters of calls; those with documented bounds are checked now.

        Raises:
            InvalidRequestError: If one is out of its bounds.
        """
        parameters.check(kwargs)
        return super().bind(**kwargs)

    def _use_responses_api(self, payload: dict[str, Any]) -> bool:  # noqa: ARG002
        # Neither LC_OUTPUT_VERSION, nor a name with "codex", nor a tool that is no function.
        return False

    @property
    def _uses_gateway(self) -> bool:
        return False

    # ---- calls --------------------------------------------------------------------------------

    def _boundary(self, **facts: Any) -> Boundary:
        key = self.visioncraft_api_key.get_secret_value() if self.visioncraft_api_key else ""
        return Boundary(base_url=self.visioncraft_api_base or "", key=key, **facts)

    def _model_of(self, kwargs: Mapping[str, Any]) -> str:
        return str(kwargs.get("model") or self.model_name)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._boundary(model=self._model_of(kwargs))():
            return super()._generate(messages, stop, run_manager, **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with self._boundary(model=self._model_of(kwargs))():
            return await super()._agenerate(messages, stop, run_manager, **kwargs)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        some = False
        with self._boundary(model=self._model_of(kwargs))():
            for chunk in super()._stream(messages, stop, run_manager, **kwargs):
                some = True
                yield chunk
        if not some:
            raise self._nothing_streamed()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        some = False
        with self._boundary(model=self._model_of(kwargs))():
            async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
                some = True
                yield chunk
        if not some:
            raise self._nothing_streamed()

    def _nothing_streamed(self) -> TruncatedAnswerError:
        return TruncatedAnswerError(
            f"{CHAT_ENDPOINT} on {self.visioncraft_api_base} answered 200, but streamed nothing. "
            "If the host does not stream, use disable_streaming=True.",
            status=200,
            endpoint=CHAT_ENDPOINT,
            base_url=self.visioncraft_api_base,
        )

    # ---- the answer ---------------------------------------------------------------------------

    def _create_chat_result(
        self,
        response: dict[str, Any] | openai.BaseModel,
        generation_info: dict[str, Any] | None = None,
    ) -> ChatResult:
        result = super()._create_chat_result(response, generation_info)
        result.llm_output = {**(result.llm_output or {}), "model_provider": PROVIDER}
        for generation in result.generations:
            generation.message.response_metadata["model_provider"] = PROVIDER
        return result

    def _convert_chunk_to_generation_chunk(
        self,
        chunk: dict[str, Any],
        default_chunk_class: type,
        base_generation_info: dict[str, Any] | None,
    ) -> ChatGenerationChunk | None:
        converted = super()._convert_chunk_to_generation_chunk(
            chunk, default_chunk_class, base_generation_info
        )
        if converted is not None:
            converted.message.response_metadata["model_provider"] = PROVIDER
        return converted

    # ---- models and tokens --------------------------------------------------------------------

    def list_models(self) -> list[str]:
        """The names of the host's chat models: ``GET /models-llm``, which needs no key.

        Raises:
            VisionCraftError: If the host cannot be asked, or does not answer with such a list.
        """
        from langchain_visioncraft.client import VisionCraftClient, endpoints  # noqa: PLC0415 -- only here

        client = VisionCraftClient(http_client=self.root_client.http, **self._of_lists())
        return client.run(endpoints.list_names(family="llm", kind="models"))

    async def alist_models(self) -> list[str]:
        """The same as `list_models`, async."""
        from langchain_visioncraft.client import AsyncVisionCraftClient, endpoints  # noqa: PLC0415

        http = self.root_async_client.http
        client = AsyncVisionCraftClient(http_async_client=http, **self._of_lists())
        return await client.run(endpoints.list_names(family="llm", kind="models"))

    def _of_lists(self) -> dict[str, Any]:
        return {"base_url": self.visioncraft_api_base, "max_retries": self.max_retries}

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of the tokens of a text, if ``custom_get_token_ids`` was given.

        Raises:
            NotImplementedError: Otherwise: the tokenizers of the models are not part of this
                package. `get_num_tokens` estimates without them.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        msg = (
            f"No tokenizer for {self.model_name!r} is part of this package. Pass one as "
            "custom_get_token_ids=, or estimate with get_num_tokens()."
        )
        raise NotImplementedError(msg)

    def get_num_tokens(self, text: str) -> int:
        """Estimate the tokens of a text, offline: see `langchain_visioncraft.chat_models.tokens`.

        With ``custom_get_token_ids`` they are counted.
        """
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return estimate_tokens(text)

    def get_num_tokens_from_messages(
        self,
        messages: Sequence[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
        *,
        allow_fetching_images: bool = True,  # noqa: ARG002 -- of the inherited signature
    ) -> int:
        """Estimate the tokens of a conversation, offline; an image counts as 576."""
        schemas = [convert_to_openai_tool(tool) for tool in tools or ()]
        return estimate_message_tokens(messages, schemas, self.get_num_tokens)

    # ---- who this is --------------------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return "visioncraft-chat"

    @property
    def lc_secrets(self) -> dict[str, str]:
        """The fields that hold a secret, with the variables that they come from."""
        return {"visioncraft_api_key": API_KEY_VARIABLE}

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """False: LangChain's `load` rebuilds only the classes of packages that it lists itself."""
        return False

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = PROVIDER
        return params
