from __future__ import annotations

import pytest
from chat_service import WAYS, Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return request.param
