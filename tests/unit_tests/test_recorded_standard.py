"""LangChain's standard integration tests for chat models, replayed without a network.

``make record`` records them again; see tests/recording.py. One recording serves several versions of
LangChain, because requests are matched by what they mean; see tests/meaning.py. The same tests run
against live hosts in ``tests/integration_tests/chat_models``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests, chat_models
from packaging.version import Version
from recording import Host, NoModelError, running_host
from tape import CASSETTES, HOST, KEY, Scrubber, tape
from vcr.cassette import Cassette

from langchain_visioncraft import ChatVisionCraft, ChatVisionCraftLegacy

STANDARD = CASSETTES / "standard"
SEEING = "llava-1.5-7b-hf"
VERSIONS = ", ".join(
    f"{name} {version(name)}" for name in ("langchain-tests", "langchain-core", "langchain-openai")
)
"""Of the packages that decide what is sent."""
SUITE = Version(version("langchain-tests"))


@pytest.fixture(scope="class")
def host(request: pytest.FixtureRequest, record_mode: str) -> Iterator[Host]:
    """None that answers; with ``--record-mode=rewrite`` the one that is recorded."""
    if record_mode == "none":
        yield Host(HOST, KEY, "")
        return
    try:
        with running_host(writes_calls=request.cls.writes_calls) as running:
            yield running
    except NoModelError as error:
        pytest.skip(f"Not recorded. {error}")


@pytest.fixture(autouse=True)
def _no_download(monkeypatch: pytest.MonkeyPatch, pictures: Path) -> None:
    """The suite's picture is on the internet."""
    picture = SimpleNamespace(content=(pictures / "mask.png").read_bytes())
    monkeypatch.setattr(chat_models, "httpx", SimpleNamespace(get=lambda *_, **__: picture))


def cassette_of(suite: type, test: str) -> Path:
    """The file of a test, whose name may hold parameters in brackets."""
    return STANDARD / suite.__name__ / f"{re.sub(r'[^a-z0-9_]+', '-', test).strip('-')}.yaml"


def recorded_suite() -> Version:
    """The version of langchain-tests that was recorded."""
    label = (STANDARD / "TestNative" / "test_invoke.yaml").read_text("utf-8")[:400]
    return Version(label.partition("langchain-tests ")[2].partition(",")[0])


# Of the measured test, which measures nothing while it is recorded.
@pytest.mark.filterwarnings("ignore:Benchmark fixture was not used")
class _Recorded(ChatModelIntegrationTests):
    """What is off: PDF, audio and video, which no model takes; Anthropic's ``tool_use`` blocks,
    which are not converted; and what is named below."""

    kind: type[BaseChatModel] = ChatVisionCraft
    writes_calls = True
    """Whether the host's model must write tool calls as text."""
    model_name = "Qwen2-72B-Instruct"
    url: str

    @pytest.fixture(autouse=True)
    def vcr(self, request: pytest.FixtureRequest, host: Host) -> Iterator[Cassette]:
        """The cassette of a test; the standard suite asks for it under this name."""
        path = cassette_of(type(self), request.node.name)
        self.url = host.base_url
        scrubber = Scrubber(host.base_url, host.key)
        if host.source:
            with tape(path, scrubber, source=host.source, versions=VERSIONS) as cassette:
                yield cassette
            return
        if not path.exists() and recorded_suite() != SUITE:
            pytest.skip(
                f"langchain-tests {recorded_suite()}, which was recorded, has no such test."
            )
        timed = request.node.get_closest_marker("benchmark") is not None
        with tape(path, scrubber, repeats=timed) as cassette:
            yield cassette
        assert cassette.all_played

    @pytest.fixture
    def model(self, request: Any, vcr: Cassette) -> BaseChatModel:
        extra = dict(getattr(request, "param", None) or {})
        if "image" in request.node.name:
            extra["model"] = SEEING
        return self.chat_model_class(
            **{**self.standard_chat_model_params, **self.chat_model_params, **extra}
        )

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return self.kind

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": self.model_name,
            "base_url": self.url,
            "api_key": KEY,
            "temperature": 0,
            "max_tokens": 128,
        }

    @property
    def model_override_value(self) -> str:
        return "Yi-34B-Chat"

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        """Off but for `TestNative`: a model is prompted where the host has no such mode."""
        return False

    @property
    def supports_image_inputs(self) -> bool:
        """On, with LLaVA. ``supports_image_urls`` is off: that picture is on the internet."""
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True


class TestNative(_Recorded):
    """`ChatVisionCraft` with the host's own tool calling."""

    writes_calls = False
    model_name = "Llama-3.1-70B-Instruct"

    @property
    def model_override_value(self) -> str:
        return "Llama-3.1-8B-Instruct"

    @property
    def supports_json_mode(self) -> bool:
        return True

    @pytest.mark.xfail(
        reason="The sandbox's 135M model fills in the arguments, and does not copy Chinese names.",
        raises=AssertionError,
        strict=True,
    )
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:
        super().test_unicode_tool_call_integration(model)


class TestPrompted(_Recorded):
    """`ChatVisionCraft` with prompted tools."""

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {**super().chat_model_params, "tool_calling": "prompted"}

    @pytest.mark.xfail(
        reason="The 0.5B model calls the function by the name of the Japanese customer.",
        raises=AssertionError,
        strict=True,
    )
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:
        super().test_unicode_tool_call_integration(model)


class TestLegacy(_Recorded):
    """`ChatVisionCraftLegacy`. The endpoint knows no temperature: what the small model answered
    was drawn at random, and another time it may not call a tool where it need not."""

    kind = ChatVisionCraftLegacy

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """Without parameters: the endpoint knows none, and says so with a warning."""
        return {"model": self.model_name, "base_url": self.url, "api_key": KEY}

    @property
    def returns_usage_metadata(self) -> bool:
        """Off: the endpoint does not say what was used."""
        return False


@pytest.mark.skipif(recorded_suite() > SUITE, reason="An older suite lacks some of the tests.")
def test_every_cassette_is_of_a_test() -> None:
    for path in STANDARD.rglob("*.yaml"):
        assert hasattr(globals()[path.parent.name], path.stem.partition("-")[0]), path
