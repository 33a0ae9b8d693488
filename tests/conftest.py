"""What the tests of the package share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from langchain_visioncraft import MediaStore

# Read when Ray is imported. Its machines talk over loopback, it reports to nobody, and it writes
# down all that it could tell: no key may be in it.
os.environ |= {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_export_api_write": "1",
}


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    """An empty store in a folder of its own."""
    return MediaStore(tmp_path / "media")
