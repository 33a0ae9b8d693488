"""The columns that a row gets, without a cluster."""

from __future__ import annotations

import pyarrow as pa
import pytest

from langchain_visioncraft.document_loaders.reports import Skipped
from langchain_visioncraft.ray.rows import CAPTION, _item_of, added, values_of


def test_an_error_that_is_no_valid_text_fits_into_its_column() -> None:
    failed = Skipped.because_of(ValueError("the model wrote \ud800"), "a.png")
    rows = added(pa.table({"path": ["a.png"]}), CAPTION, "caption", [values_of(CAPTION, [failed])])
    [row] = rows.to_pylist()
    assert row["caption_error"] == "a.png: the model wrote ?"


def test_a_share_of_another_machine_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("langchain_visioncraft.media.paths._HAS_SHARES", True)
    share = r"\\host\share\cat.png"
    assert _item_of(share, "path") == share  # which is read as a URL is, if that is allowed
    assert not isinstance(_item_of("cat.png", "path"), str)
