"""Recoverable errors come back as error messages; what needs a person raises."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import ToolException
from tool_service import ENDPOINTS, KEY, LISTS, WAYS, Service, call, medium, name_of

from langchain_visioncraft import (
    MediaStore,
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftImageToImage,
    VisionCraftLimits,
    VisionCraftTextToImage,
    VisionCraftTextToImageSDXL,
    VisionCraftUpscale,
    errors,
)
from langchain_visioncraft._compat import httpx
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.tools import VisionCraftTool

Make = Callable[..., Any]

REFUSED = {
    "a refused prompt": (400, {"error": "The prompt is not allowed."}, "prompt is not allowed"),
    "a limit as 429": (429, {"error": "Free users can make 10 per 5 minutes."}, "in 300 seconds"),
    "a limit as 403": (403, {"detail": "Too many requests, retry in 90 seconds"}, "in 90 seconds"),
    "a problem as 422": (422, {"detail": [{"loc": ["body", "x"], "msg": "is bad"}]}, "x: is bad"),
    "an error under 200": (200, {"error": "The prompt is not allowed."}, "prompt is not allowed"),
}
FAILURES: dict[str, tuple[int, Any, type[errors.VisionCraftError]]] = {
    "a wrong key": (401, {"error": "The API key is invalid."}, errors.AuthenticationError),
    "an expired subscription": (
        403,
        {"error": "You are not subscribed."},
        errors.SubscriptionError,
    ),
    "premium only": (413, {"error": "Subscribe to premium to use this."}, errors.SubscriptionError),
    "no such endpoint": (404, {"detail": "Not Found"}, errors.EndpointNotFoundError),
    "a broken service": (500, {"error": "An error occurred."}, errors.ServerError),
    "an overloaded service": (503, {"error": "Overloaded."}, errors.ServerError),
}


def endpoint_of(kind: type[VisionCraftTool]) -> str:
    return ENDPOINTS[name_of(kind)]


@pytest.mark.parametrize("case", REFUSED)
async def test_what_a_model_can_mend_is_told_to_it(
    make: Make,
    service: Service,
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    case: str,
) -> None:
    status, body, expected = REFUSED[case]
    service.says(endpoint_of(kind), status, json=body)
    for way in WAYS:
        message = await call(make(kind), way, arguments)
        assert message.status == "error"
        assert expected in message.content


@pytest.mark.parametrize("case", FAILURES)
async def test_what_needs_a_person_is_raised(
    make: Make,
    service: Service,
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    case: str,
) -> None:
    status, body, expected = FAILURES[case]
    service.says(endpoint_of(kind), status, json=body)
    words = body.get("error", body.get("detail"))
    for way in WAYS:
        with pytest.raises(expected) as caught:
            await call(make(kind), way, arguments)
        assert (caught.value.status, caught.value.detail) == (status, words)


async def test_a_missing_key_is_raised_and_names_the_variable(
    make: Make, kind: type[VisionCraftTool], arguments: dict[str, Any], way: str
) -> None:
    tool = make(kind, api_key=None)
    if kind in (VisionCraftCatalog, VisionCraftLimits):
        assert (await call(tool, way, arguments)).status == "success"  # these need no key
        return
    with pytest.raises(errors.MissingKeyError, match="VISIONCRAFT_API_KEY"):
        await call(tool, way, arguments)


async def test_a_certificate_that_cannot_be_verified_is_raised(
    make: Make,
    service: Service,
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    way: str,
) -> None:
    def fail(request: Any) -> Any:
        cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
        cause.verify_message = "certificate has expired"
        raise httpx.ConnectError("certificate verify failed", request=request) from cause

    service.answers[endpoint_of(kind)] = fail
    with pytest.raises(errors.CertificateError):
        await call(make(kind), way, arguments)


@pytest.mark.parametrize("case", ["a refused prompt", "a limit as 429"])
async def test_without_handling_the_original_error_is_raised(
    make: Make,
    service: Service,
    kind: type[VisionCraftTool],
    arguments: dict[str, Any],
    *,
    way: str,
    case: str,
) -> None:
    status, body, _ = REFUSED[case]
    service.says(endpoint_of(kind), status, json=body)
    with pytest.raises(errors.VisionCraftError) as caught:
        await call(make(kind, handle_tool_error=False), way, arguments)
    assert isinstance(caught.value, errors.BadRequestError | errors.RateLimitError)


async def test_sync_and_async_say_the_same(
    make: Make, service: Service, kind: type[VisionCraftTool], arguments: dict[str, Any]
) -> None:
    service.says(endpoint_of(kind), 429, json={"error": "10 requests per 5 minutes"})
    tool = make(kind)
    told = [(await call(tool, way, arguments)).content for way in ("invoke", "ainvoke")]
    assert told[0] == told[1]


async def test_a_wait_is_kept_with_the_error(make: Make, service: Service, way: str) -> None:
    service.says("/sd", 429, json={"error": "Free users can make 10 per 5 minutes."})
    tool = make(VisionCraftTextToImage, handle_tool_error=False)
    with pytest.raises(errors.RateLimitError) as caught:
        await call(tool, way, {"prompt": "a cat"})
    assert caught.value.retry_after == 300


async def test_an_unknown_sampler_comes_with_near_names(
    make: Make, service: Service, way: str
) -> None:
    service.says("/sd", 400, json={"error": "This host doesn't have sampler 'Euler b'."})
    message = await call(make(VisionCraftTextToImage), way, {"prompt": "x", "sampler": "Euler b"})
    assert message.status == "error"
    assert "Near names: 'Euler a', 'Euler'" in message.content


async def test_the_advice_names_what_the_catalog_tool_takes(
    make: Make, service: Service, way: str
) -> None:
    service.says("/generate-xl", 400, json={"error": "This host doesn't have model 'model-9'."})
    message = await call(make(VisionCraftTextToImageSDXL), way, {"prompt": "x", "model": "model-9"})
    assert "list 'sdxl', 'models'" in message.content


async def test_an_unknown_handle_is_answered_with_those_that_there_are(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    known = store.add(medium("cat.jpg")).handle
    message = await call(make(VisionCraftUpscale), way, {"image": "ffffffffffff.png"})
    assert message.status == "error"
    assert known in message.content
    assert not service.requests


async def test_a_bad_argument_is_told_in_a_clause_each(
    make: Make, service: Service, way: str
) -> None:
    wrong = {"prompt": "", "width": 5000, "size": 3}
    message = await call(make(VisionCraftTextToImage), way, wrong)
    assert message.status == "error"
    for clause in ("prompt: string", "less than or equal to 1024 (got 5000)", "size: is not a"):
        assert clause in message.content
    assert not service.requests


async def test_a_missing_argument_is_told(
    make: Make, kind: type[VisionCraftTool], service: Service, way: str
) -> None:
    tool = make(kind)
    required = tool.tool_call_schema.model_json_schema().get("required", [])
    message = await call(tool, way, {})
    told = [name for name in required if f"{name}: is required" in message.content]
    assert told == required
    assert message.status == ("error" if required else "success")


@pytest.mark.parametrize(
    "huge",
    [
        {"prompt": "a cat", "width": "9" * 100_000},
        {"prompt": "a cat", "x" * 100_000: 1},
        {"prompt": "a cat", "loras": {f"lora-{n}": "heavy" for n in range(10_000)}},
        {"prompt": ["a cat"] * 100_000},
    ],
    ids=["value", "name", "many", "list"],
)
async def test_a_huge_argument_is_not_repeated(make: Make, way: str, huge: dict[str, Any]) -> None:
    message = await call(make(VisionCraftTextToImage), way, huge)
    assert message.status == "error"
    assert len(message.content) < 2000


async def test_of_very_many_arguments_the_first_ones_are_checked(
    make: Make, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[int] = []
    real = VisionCraftTextToImage._checked

    def counting(tool: Any, given: dict[str, Any]) -> Any:
        checked.append(len(given))
        return real(tool, given)

    monkeypatch.setattr(VisionCraftTextToImage, "_checked", counting)
    given = {**{f"a{n}": n for n in range(10_000)}, "prompt": "a cat"}
    message = await call(make(VisionCraftTextToImage), way, given)
    assert message.status == "error"
    assert "a0: is not a parameter here" in message.content
    assert "prompt" not in message.content
    assert checked == [101]


def test_of_very_many_problems_the_first_ones_are_described() -> None:
    with pytest.raises(errors.InvalidRequestError) as caught:
        endpoints.text_to_image("a cat", loras={f"l{n}": "heavy" for n in range(1000)})
    assert str(caught.value).count(";") == 63


async def test_a_huge_name_that_the_host_refuses_is_not_repeated(
    make: Make, service: Service, way: str
) -> None:
    service.says("/sd", 400, json={"error": "This host doesn't have this model"})
    arguments = {"prompt": "a cat", "model": "m" * 100_000}
    message = await call(make(VisionCraftTextToImage), way, arguments)
    assert len(message.content) < 2000


async def test_validation_can_be_left_to_the_caller(make: Make, way: str) -> None:
    from pydantic import ValidationError

    tool = make(VisionCraftTextToImage, handle_validation_error=False)
    with pytest.raises(ValidationError):
        await call(tool, way, {"prompt": ""})


async def test_a_handler_of_ones_own_gets_a_tool_exception(
    make: Make, service: Service, way: str
) -> None:
    def handle(error: ToolException) -> str:
        assert isinstance(error.__cause__, errors.BadRequestError)
        return "Think again."

    service.says("/sd", 400, json={"error": "No."})
    tool = make(VisionCraftTextToImage, handle_tool_error=handle)
    assert (await call(tool, way, {"prompt": "a cat"})).content == "Think again."


async def test_a_medium_of_the_wrong_kind_is_told_before_anything_is_sent(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    arguments = {"image": "data:text/plain,hello", "prompt": "x"}
    message = await call(make(VisionCraftImageToImage), way, arguments)
    assert message.status == "error"
    assert not service.requests


async def test_a_catalog_without_such_a_name_says_what_there_is(make: Make, way: str) -> None:
    arguments = {"family": "sd", "kind": "models", "contains": "dreamshapr"}
    message = await call(make(VisionCraftCatalog), way, arguments)
    assert message.status == "error"
    assert "dreamshaper_v8" in message.content


async def test_a_catalog_that_is_not_to_handle_errors_raises_a_typed_one(
    make: Make, way: str
) -> None:
    arguments = {"family": "sd", "kind": "models", "contains": "dreamshapr"}
    with pytest.raises(errors.UnknownNameError) as caught:
        await call(make(VisionCraftCatalog, handle_tool_error=False), way, arguments)
    assert caught.value.name == "dreamshapr"
    assert set(caught.value.suggestions) <= set(LISTS["/sd/models"])


async def test_an_empty_catalog_says_so(make: Make, service: Service, way: str) -> None:
    service.says("/sd/loras", json=[])
    message = await call(make(VisionCraftCatalog), way, {"family": "sd", "kind": "loras"})
    assert message.content.endswith("The list is empty.")


@pytest.mark.parametrize(
    "wrong",
    [{"base_url": "nonsense"}, {"timeout": -1}, {"max_retries": -1}, {"unknown": 1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_tool_that_cannot_be_built_does_not_show_its_key(
    kind: type[VisionCraftTool], wrong: dict[str, Any]
) -> None:
    with pytest.raises((ValueError, TypeError), match=r"1 validation error|unknown") as caught:
        kind(**{"api_key": KEY, **wrong})
    assert KEY[:8] not in str(caught.value)


async def test_a_picture_that_cannot_be_looked_at_is_told(
    make: Make, service: Service, store: MediaStore, way: str
) -> None:
    message = await call(make(VisionCraftCaption), way, {"image": "data:image/png;base64,AA=="})
    assert message.status == "error"
    assert not service.requests
