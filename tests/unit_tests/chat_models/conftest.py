from __future__ import annotations

import pytest
from chat_service import WAYS, Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(autouse=True)
def _only_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISIONCRAFT_API_KEY", "VISIONCRAFT_BASE_URL", "LC_OUTPUT_VERSION"):
        monkeypatch.delenv(name, raising=False)
