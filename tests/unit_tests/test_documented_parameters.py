"""The client, the tools and the sandbox keep to what the documents say of every parameter."""

from __future__ import annotations

import base64
import math
import re
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, get_args, get_origin

import httpx
import pytest
from client_driving import GIF, MP4, PNG, REQUIRED, WAV
from documented_parameters import BESIDE, DOCUMENTS, HOLDING, PARAMETERS, SOURCES, UNDOCUMENTED
from documented_parameters import Parameter as Row
from history import CALLED
from pydantic import ValidationError
from visioncraft_sandbox import create_app, routes_drawing, routes_media
from visioncraft_sandbox.backends.images import ImageResult
from visioncraft_sandbox.catalog import LISTS, listed
from visioncraft_sandbox.engine_pool import EnginePool
from visioncraft_sandbox.engines import motion
from visioncraft_sandbox.engines.language import Completion

from langchain_visioncraft import errors, tools
from langchain_visioncraft.client import endpoints
from langchain_visioncraft.client.options import LeftOutIfEmpty
from langchain_visioncraft.client.text_schemas import DEFAULT_CAPTION_MODEL, DEFAULT_CAPTION_PROMPT
from langchain_visioncraft.tools.base import VisionCraftTool


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


IMAGE = text(PNG)
PROMPT = {"prompt": "a cat"}
MESSAGES = {"messages": [{"role": "user", "content": "Hi"}]}


class Case(NamedTuple):
    """By which function and which tool a request is made, and what must be in its body."""

    function: str
    body: dict[str, Any]
    tool: Callable[..., VisionCraftTool] | None = None
    version: str | None = None


CASES = {
    "POST /image/generate": Case(
        "image", {**PROMPT, "model": "DreamShaper-8"}, tools.VisionCraftImage
    ),
    "POST /sd": Case(
        "text_to_image", {**PROMPT, "model": "sdxl-base"}, tools.VisionCraftTextToImage
    ),
    "POST /generate": Case(
        "text_to_image_sd1",
        {**PROMPT, "model": "anything_V5", "sampler": "Euler"},
        tools.VisionCraftTextToImageSD1,
    ),
    "POST /generate-xl": Case(
        "text_to_image_sdxl",
        {**PROMPT, "model": "sdxl-turbo"},
        tools.VisionCraftTextToImageSDXL,
    ),
    "POST /openjourney": Case("openjourney", PROMPT, tools.VisionCraftOpenjourney),
    "POST /dalle": Case("dalle", PROMPT, tools.VisionCraftTextToImageEngine, "dalle"),
    "POST /kandinsky": Case("kandinsky", PROMPT, tools.VisionCraftTextToImageEngine, "kandinsky"),
    "POST /playground": Case(
        "playground", PROMPT, tools.VisionCraftTextToImageEngine, "playground"
    ),
    "POST /leonardo-xl": Case(
        "leonardo_xl", PROMPT, tools.VisionCraftTextToImageEngine, "leonardo-xl"
    ),
    "POST /job-status": Case("job_result", {"job_id": "75435"}),
    "POST /midjourney": Case("midjourney", PROMPT),
    "POST /midjourney/result": Case("midjourney_result", {"task_id": "75435"}),
    "POST /img2img": Case(
        "image_to_image", {**PROMPT, "image": IMAGE}, tools.VisionCraftImageToImage
    ),
    "POST /img2img (init_images)": Case(
        "image_to_image_2023",
        {**PROMPT, "init_images": [IMAGE]},
        tools.VisionCraftImageToImage,
        "2023-11",
    ),
    "POST /text2gif": Case("text_to_gif", PROMPT),
    "POST /generate-gif": Case(
        "text_to_gif_2024",
        {**PROMPT, "sampler": "Euler"},
        tools.VisionCraftTextToGif,
        "2024-03",
    ),
    "POST /img2video": Case("image_to_video", {"image": IMAGE}),
    "POST /upscale": Case("upscale", {"image": IMAGE}, tools.VisionCraftUpscale),
    "POST /whisper": Case("transcribe", {"audio": text(WAV)}, tools.VisionCraftTranscribe),
    "POST /llm": Case("legacy_chat", {**MESSAGES, "model": "Mixtral-8x7B-Instruct-v0.1"}),
    "POST /v1/chat/completions": Case("chat", {**MESSAGES, "model": "Llama-3-8B-Instruct"}),
}

LORAS = {
    "POST /image/generate": listed("/image/loras/{type}"),
    "POST /generate-xl": LISTS["/loras-xl"],
    "POST /sd": LISTS["/sd/loras"],
    "POST /generate": LISTS["/loras"],
}
WRONG_TYPE: dict[str, Any] = {
    "string": ["x"], "media": ["x"], "integer": 1.5, "float": "much", "boolean": "perhaps",
    "dict": ["x"], "list": "x",
}  # fmt: skip
ANOTHER = {
    "sampler": "Euler", "scheduler": "KarrasDPM", "refiner": "expert_ensemble_refiner",
    "language": "en", "/generate-xl-scheduler": "karras",
}  # fmt: skip
"""Values of texts other than their defaults."""
UNUSED = {
    ("POST /image/generate", "nsfw_filter"),
    ("POST /image/generate", "stream"),
    ("POST /generate-gif", "cfg_scale"),
    ("POST /generate-gif", "steps"),
    ("POST /img2img", "refiner"),
}
"""What the sandbox checks, but what changes nothing of what it makes."""

ONCE = list({(row.request, row.name): row for row in HOLDING}.values())
SENT = [row for row in ONCE if row.name != "token"]
"""The driver adds the key to what an endpoint's function gives."""
GIVEN = [row for row in SENT if row.name != "init_images"]
"""The function takes one picture, as `image`, and makes it a list."""
DEFAULTS = [row for row in ONCE if row.default is not None]
TEXTS = [row for row in GIVEN if row.type in ("string", "media") and not row.required]


def empty(row: Row) -> list[str]:
    """What stands for nothing where a text or a medium may be left out."""
    return ["", " \n"] if row.type == "media" else [""]


def loras(row: Row, number: float | None) -> dict[str, float]:
    return dict.fromkeys(LORAS[row.request][: None if number is None else int(number)], 1)


def within(row: Row) -> list[Any]:
    """Values at the bounds of a parameter."""
    if row.choices:
        return list(row.choices)
    if row.type == "boolean":
        return [True, False]
    if row.type == "dict":
        return [{}, loras(row, row.highest)]
    if row.type == "list":
        return []  # that of the body is one
    return [bound for bound in (row.lowest, row.highest) if bound is not None]


def beyond(row: Row) -> list[Any]:
    """Values one step beyond its bounds."""
    if row.choices and row.type == "string":
        return ["something else"]
    if row.choices:
        most = max(row.choices)
        near = {choice + step for choice in row.choices for step in (-1, 1)}
        return sorted({*near, *range(0, 2 * most + 1, max(1, most // 16))} - set(row.choices))
    if row.type == "dict":
        return [loras(row, row.highest + 1)] if row.highest else []
    if row.type == "list":
        return [[], [IMAGE] * (int(row.highest) + 1)] if row.highest else [[]]
    steps = [(row.lowest, -1), (row.highest, 1)]
    return [
        bound + way if row.type == "integer" else math.nextafter(bound, way * math.inf)
        for bound, way in steps
        if bound is not None
    ]


def label(row: Row) -> str:
    return f"{row.request.partition(' ')[2]}-{row.name}"


def each(rows: list[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=map(label, rows))


def each_value(rows: list[Row], values: Callable[[Row], list[Any]]) -> Any:
    cases = [
        pytest.param(row, value, id=f"{label(row)}-{number}")
        for row in rows
        for number, value in enumerate(values(row))
    ]
    return pytest.mark.parametrize(("row", "value"), cases)


# The table


def test_every_row_has_a_source() -> None:
    for row in PARAMETERS:
        assert row.document in DOCUMENTS or any(source in row.note for source in SOURCES), row


def test_rows_that_hold_agree() -> None:
    for request, name in {(row.request, row.name) for row in PARAMETERS}:
        holding = {
            row._replace(document="", note="")
            for row in HOLDING
            if (row.request, row.name) == (request, name)
        }
        assert len(holding) == 1, (request, name)


def first_year(name: str) -> str:
    """The first year and month in the docstring of an endpoint."""
    found = re.search(r"\((\d{4}-\d{2})", getattr(endpoints, name).__doc__)
    return found[1] if found else ""


def test_every_endpoint_is_in_the_table() -> None:
    assert {row.request for row in PARAMETERS} == set(CASES)
    described = {name for name in REQUIRED if first_year(name) <= DOCUMENTS[-1]}
    missing = described - {case.function for case in CASES.values()} - set(UNDOCUMENTED)
    assert not missing, (
        f"{', '.join(sorted(missing))}: add rows to PARAMETERS in tests/documented_parameters.py "
        "and a case to CASES in this file, or say in UNDOCUMENTED why no document describes it."
    )
    assert set(UNDOCUMENTED) <= set(REQUIRED)


def test_the_bodies_hold_what_is_required_and_no_more() -> None:
    for request, case in CASES.items():
        required = {row.name for row in SENT if row.request == request and row.required}
        assert set(case.body) == required, request


# The client


def in_client(body: dict[str, Any], function: str) -> dict[str, Any]:
    """What the client would send, were it asked for this body."""
    given = dict(body)
    if "init_images" in given:
        [given["image"]] = given.pop("init_images")
    endpoint: Any = getattr(endpoints, function)
    endpoint(**given).close()
    return dict(endpoint.request(**given).body())


def body_with(row: Row, value: Any) -> dict[str, Any]:
    return {**CASES[row.request].body, row.name: value}


def body_without(row: Row) -> dict[str, Any]:
    return {name: value for name, value in CASES[row.request].body.items() if name != row.name}


def client_with(row: Row, value: Any) -> dict[str, Any]:
    return in_client(body_with(row, value), CASES[row.request].function)


@each_value(GIVEN, within)
def test_the_client_sends_a_value_at_a_bound(row: Row, value: Any) -> None:
    assert client_with(row, value)[row.name] == value


@each_value(GIVEN, beyond)
def test_the_client_refuses_a_value_beyond_a_bound(row: Row, value: Any) -> None:
    with pytest.raises(errors.InvalidRequestError, match=f"Nothing was sent. {row.name}"):
        client_with(row, value)


@each(GIVEN)
def test_the_client_refuses_another_type(row: Row) -> None:
    with pytest.raises(errors.InvalidRequestError, match=f"{row.name}|list is not accepted"):
        client_with(row, WRONG_TYPE[row.type])


@each([row for row in GIVEN if row.required])
def test_the_client_never_does_without_what_is_required(row: Row) -> None:
    function = CASES[row.request].function
    if row.name in getattr(endpoints, function).request.required_by_api:
        assert in_client(body_without(row), function)[row.name]  # a choice of its own
        return
    with pytest.raises(errors.InvalidRequestError, match=f"{row.name}: is required"):
        in_client(body_without(row), function)


@each([row for row in GIVEN if row.required and row.type == "string"])
def test_the_client_refuses_an_empty_text_where_one_is_required(row: Row) -> None:
    with pytest.raises(errors.InvalidRequestError, match=row.name):
        client_with(row, "")


@each_value(TEXTS, empty)
def test_the_client_takes_an_empty_text_for_none(row: Row, value: Any) -> None:
    case = CASES[row.request]
    assert client_with(row, value) == in_client(case.body, case.function)


@pytest.mark.parametrize("name", REQUIRED)
def test_exactly_the_optional_texts_of_an_endpoint_may_be_empty(name: str) -> None:
    request: Any = getattr(endpoints, name).request
    optional = {
        name: name in request.media_kinds
        for name, field in request.model_fields.items()
        if not field.is_required() and name not in request.required_by_api
        if name in request.media_kinds or takes_texts(field.annotation)
    }
    marked = {
        name: mark.blanks
        for name, field in request.model_fields.items()
        for mark in field.metadata
        if isinstance(mark, LeftOutIfEmpty)
    }
    assert marked == optional


def takes_texts(annotation: Any) -> bool:
    if get_origin(annotation) is dict:
        return False
    parts = get_args(annotation)  # of Literal they are values
    return annotation is str or isinstance(annotation, str) or any(map(takes_texts, parts))


@pytest.mark.parametrize("request_", CASES)
def test_what_the_client_sends_by_itself_are_the_defaults(request_: str) -> None:
    case = CASES[request_]
    defaults = {row.name: row.default for row in DEFAULTS if row.request == request_}
    sent = in_client(case.body, case.function)
    assert {name: value for name, value in sent.items() if name not in case.body} == {
        name: value for name, value in defaults.items() if name in sent
    }


@pytest.mark.parametrize("request_", CASES)
def test_the_client_knows_the_documented_parameters_and_no_others(request_: str) -> None:
    known = {row.name for row in SENT if row.request == request_}
    known = {"image" if name == "init_images" else name for name in known}
    known |= {name for request, name in BESIDE if request == request_}
    request: Any = getattr(endpoints, CASES[request_].function).request
    assert set(request.model_fields) == known


# The tools


HIDDEN = {("POST /image/generate", "stream")}
"""What a tool decides for the model."""
TOLD = [
    row
    for row in GIVEN
    if CASES[row.request].tool and not row.required and (row.request, row.name) not in HIDDEN
]


def tool_with(row: Row, value: Any = None) -> VisionCraftTool:
    """The tool, with this default of its own for the parameter, if one is given."""
    case = CASES[row.request]
    assert case.tool is not None
    chosen = {case.tool.version_field: case.version} if case.version else {}
    return case.tool(**chosen, **({} if value is None else {row.name: value}))


def asked_of(tool: VisionCraftTool, **arguments: Any) -> Any:
    """What a call of the tool asks for, as the model that checks it reads it."""
    required = dict.fromkeys(tool.args_schema.model_json_schema().get("required", []), "a cat")
    return tool.args_schema(**required, **arguments)


@each_value(TOLD, within)
def test_a_tool_takes_a_value_at_a_bound(row: Row, value: Any) -> None:
    tool = tool_with(row, value)
    assert getattr(asked_of(tool), row.name) == value
    assert getattr(asked_of(tool, **{row.name: value}), row.name) == value


@each_value(TOLD, beyond)
def test_a_tool_refuses_a_value_beyond_a_bound(row: Row, value: Any) -> None:
    with pytest.raises(ValidationError, match=row.name):
        tool_with(row, value)
    with pytest.raises(ValidationError, match=row.name):
        asked_of(tool_with(row, row.default), **{row.name: value})


@each_value([row for row in TEXTS if row in TOLD], empty)
def test_a_tool_takes_an_empty_text_for_none(row: Row, value: Any) -> None:
    default = getattr(asked_of(tool_with(row)), row.name)
    assert getattr(asked_of(tool_with(row), **{row.name: value}), row.name) == default
    if row.type != "media":  # which is no field of the tool
        assert getattr(asked_of(tool_with(row, value)), row.name) == default


def test_an_empty_text_does_not_take_the_default_of_a_tool_back() -> None:
    draw = tools.VisionCraftTextToImage(negative_prompt="people")
    assert asked_of(draw, negative_prompt="").negative_prompt == "people"


def test_what_only_the_tools_have_may_be_empty_too() -> None:
    look = tools.VisionCraftCaption(prompt="", model="")
    assert (look.prompt, look.model) == (DEFAULT_CAPTION_PROMPT, DEFAULT_CAPTION_MODEL)
    assert asked_of(look, prompt="").prompt == DEFAULT_CAPTION_PROMPT
    arguments = {"family": "sd", "kind": "models", "contains": ""}
    assert tools.VisionCraftCatalog().args_schema(**arguments).contains is None


# The sandbox


class Engines:
    """What the sandbox asked of what does the work; here nothing does any."""

    name = "test"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def picture(self, _job: Any, order: Any, _image: Any = None, mask: Any = None) -> Any:
        self.asked.append((order, mask))
        return ImageResult([PNG], self.name)

    async def larger(
        self, _job: Any, _image: Any, factor: int, model: str | None = None
    ) -> ImageResult:
        self.asked.append((factor, model))
        return ImageResult([PNG], self.name)

    def gif(self, *order: Any, **pace: Any) -> bytes:
        self.asked.append((order, pace))
        return GIF

    def film(self, _image: Any) -> bytes:
        return MP4

    def transcribe(self, _audio: bytes, **order: Any) -> dict[str, Any]:
        self.asked.append({name: value or "auto" for name, value in order.items()})
        return {"text": "Hi"}

    def generate(self, _messages: Any, sampling: Any, **_: Any) -> Completion:
        self.asked.append(sampling)
        return Completion("Hi")


class Transcriber(Engines):
    """Its name depends on what is asked of it."""

    def __init__(self, asked: list[Any]) -> None:
        self.asked = asked

    def name(self, *_: Any) -> str:  # type: ignore[override]
        return "test"


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    made = Engines()
    monkeypatch.setattr(routes_drawing, "drawn", made.picture)
    monkeypatch.setattr(routes_drawing, "enlarged", made.larger)
    monkeypatch.setattr(routes_drawing, "reworked", made.picture)
    monkeypatch.setattr(routes_drawing, "_gif", made.gif)
    monkeypatch.setattr(routes_media, "reworked", made.picture)
    monkeypatch.setattr(routes_media, "enlarged", made.larger)
    monkeypatch.setattr(motion, "film", made.film)
    monkeypatch.setattr(secrets, "randbelow", lambda _: 7)
    monkeypatch.setattr(EnginePool, "transcriber", lambda _: Transcriber(made.asked))
    for name in ("upscaler", "language_model"):
        monkeypatch.setattr(EnginePool, name, lambda _: made)
    return made


@pytest.fixture
async def host(engines: Engines) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app()
    app.state.midjourney.submit("a cat")  # that a job with the first id is there
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": "Bearer key"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8765", headers=headers
    ) as opened:
        yield opened


async def post(
    host: httpx.AsyncClient, request: str, body: dict[str, Any], **token: Any
) -> httpx.Response:
    return await host.post(request.split()[1], json={"token": "key", **body, **token})


async def refusal(host: httpx.AsyncClient, row: Row, body: dict[str, Any]) -> str:
    """The message of a 400."""
    answer = await post(host, row.request, body)
    assert answer.status_code == 400, answer.text
    return answer.text


@each_value(SENT, within)
async def test_the_sandbox_takes_a_value_at_a_bound(
    host: httpx.AsyncClient, row: Row, value: Any
) -> None:
    answer = await post(host, row.request, body_with(row, value))
    assert answer.status_code == 200, answer.text


@each_value(SENT, beyond)
async def test_the_sandbox_refuses_a_value_beyond_a_bound(
    host: httpx.AsyncClient, row: Row, value: Any
) -> None:
    assert row.name in await refusal(host, row, body_with(row, value))


@each(SENT)
async def test_the_sandbox_refuses_another_type(host: httpx.AsyncClient, row: Row) -> None:
    assert row.name in await refusal(host, row, body_with(row, WRONG_TYPE[row.type]))


@each([row for row in SENT if row.required])
async def test_the_sandbox_refuses_to_do_without_what_is_required(
    host: httpx.AsyncClient, row: Row
) -> None:
    # A picture in neither form is missed under its newer name.
    name = "image" if row.name == "init_images" else row.name
    assert f"{name} is required" in await refusal(host, row, body_without(row))


@each([row for row in SENT if row.required and row.type == "string"])
async def test_the_sandbox_refuses_an_empty_text_where_one_is_required(
    host: httpx.AsyncClient, row: Row
) -> None:
    assert row.name in await refusal(host, row, body_with(row, ""))


@each_value(TEXTS, empty)
async def test_the_sandbox_takes_an_empty_text_for_none(
    host: httpx.AsyncClient, engines: Engines, row: Row, value: Any
) -> None:
    for body in (CASES[row.request].body, body_with(row, value)):
        answer = await post(host, row.request, body)
        assert answer.status_code == 200, answer.text
    without, with_it = engines.asked
    assert without == with_it


@pytest.mark.parametrize("picture", [None, "", " "])
async def test_an_empty_picture_is_none_beside_the_other_form(
    host: httpx.AsyncClient, engines: Engines, picture: str | None
) -> None:
    request = "POST /img2img (init_images)"
    answer = await post(host, request, {**CASES[request].body, "image": picture})
    assert "images" in answer.json()


@each([row for row in ONCE if row.name == "token"])
async def test_the_sandbox_takes_the_key_as_a_parameter(host: httpx.AsyncClient, row: Row) -> None:
    answer = await post(host, row.request, CASES[row.request].body, token=None)
    assert answer.status_code == 401


@each(DEFAULTS)
async def test_leaving_out_is_giving_the_default_to_the_sandbox(
    host: httpx.AsyncClient, engines: Engines, row: Row
) -> None:
    others = [value for value in within(row) if value != row.default]
    other = others[0] if others else ANOTHER.get(label(row)) or ANOTHER[row.name]
    asked = []
    for body in (CASES[row.request].body, body_with(row, row.default), body_with(row, other)):
        answer = await post(host, row.request, body)
        assert answer.status_code == 200, answer.text
        asked.append(list(engines.asked))
        engines.asked.clear()
    assert asked[0] == asked[1]
    used = (row.request, row.name) not in UNUSED
    assert (asked[1] != asked[2]) is used


@pytest.mark.parametrize(
    ("request_", "body"), [pytest.param(request, body, id=f"{request} {since}")
                           for request, since, body in CALLED],
)  # fmt: skip
async def test_the_sandbox_takes_what_hosts_took_in_other_years(
    host: httpx.AsyncClient, engines: Engines, request_: str, body: dict[str, Any]
) -> None:
    answer = await post(host, request_, body)
    assert answer.status_code == 200, answer.text
