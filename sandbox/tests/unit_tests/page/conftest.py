from __future__ import annotations

import pytest
from visioncraft_sandbox.files import FileStore
from visioncraft_sandbox.page.journal import Journal


@pytest.fixture
def journal() -> Journal:
    return Journal(entries=10, max_bytes=4 << 20)


@pytest.fixture
def files() -> FileStore:
    return FileStore(1 << 20, 60)
