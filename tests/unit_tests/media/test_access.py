"""A model cannot send away any file that it can name."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from client_driving import PNG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document

from langchain_visioncraft import Media, MediaStore
from langchain_visioncraft.errors import (
    ForbiddenInputError,
    MediaInputError,
    UnknownHandleError,
    VisionCraftError,
)
from langchain_visioncraft.media.access import label_for_provenance, readable_source


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.png"
    path.write_bytes(PNG)
    return path


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "allowed"
    (folder / "sub").mkdir(parents=True)
    (folder / "cat.png").write_bytes(PNG)
    (folder / "sub" / "dog.png").write_bytes(PNG)
    return folder


def test_a_handle_is_found_in_the_store(store: MediaStore) -> None:
    kept = store.add(PNG)
    spellings = (kept.handle, f" `{kept.handle}` ", kept.handle.upper(), kept.handle[:12])
    for text in (*spellings, kept.describe()):  # models copy the whole line of a result
        assert readable_source(text, store, []).media == kept


def test_an_unknown_handle_names_the_newest(store: MediaStore) -> None:
    kept = store.add(PNG)
    with pytest.raises(UnknownHandleError, match=kept.handle):
        readable_source("000000000000.png", store, [])


def test_words_behind_a_path_do_not_make_a_handle_of_it(store: MediaStore, secret: Path) -> None:
    store.add(PNG)
    for text in (f"{secret} (image/png, 1x1)", f"../{secret.name} (image/png)"):
        with pytest.raises(VisionCraftError):
            readable_source(text, store, [])


@pytest.mark.parametrize("text", ["https://h.example/a.png", "data:image/png;base64,iVBORw0KGgo="])
def test_links_and_data_urls_are_taken(text: str, store: MediaStore) -> None:
    assert readable_source(text, store, []).label in (text, "<data URL>")


@pytest.mark.parametrize(
    "spelling",
    [
        "{path}", "  {path} ", "'{path}'", "`{path}`", "<{path}>", "{folder}/./secret.png",
        "{folder}/allowed/../secret.png", "file:{path}", "file://{path}", "FILE://{path}",
        "file:secret.png", "../secret.png", "sub/../../secret.png", "/{path}", "//{path}",
        "\\\\host\\share\\secret.png", "C:\\secret.png", "ftp://h/secret.png", "s3://b/secret.png",
        "~/secret.png", "~root/secret.png", "~nobody-like-this/x.png", "/proc/self/environ",
        "~\ud800/x", "/dev/zero", "/etc/passwd", "memory://secret.png", "gopher:x",
        "javascript:alert(1)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_folder", [False, True])
def test_a_local_file_outside_is_refused_in_every_spelling(
    spelling: str, with_folder: bool, secret: Path, allowed: Path, store: MediaStore
) -> None:
    text = spelling.format(path=secret, folder=secret.parent)
    with pytest.raises(ForbiddenInputError):
        readable_source(text, store, [allowed] if with_folder else [])


@pytest.mark.parametrize("text", ["cat.png", "sub/dog.png", "{allowed}/cat.png", "sub/../cat.png"])
def test_a_file_in_an_allowed_folder_may_be_named(
    text: str, allowed: Path, store: MediaStore
) -> None:
    source = readable_source(text.format(allowed=allowed), store, [allowed])
    with source.open() as file:
        assert file.read() == PNG


@pytest.mark.parametrize(
    "name", ["10:30.wav", "a:b.png", "~cat.png", "~root.png", "a b [1] 5%.png"]
)
def test_a_file_in_an_allowed_folder_may_have_any_name(
    name: str, allowed: Path, store: MediaStore
) -> None:
    (allowed / name).write_bytes(PNG)
    for text in (name, f"{allowed}/{name}", f"file://{quote(str(allowed / name))}"):
        with readable_source(text, store, [allowed]).open() as file:
            assert file.read() == PNG
        with pytest.raises(MediaInputError):
            readable_source(text, store, [])


def test_a_file_url_does_not_lead_out_of_an_allowed_folder(
    secret: Path, allowed: Path, store: MediaStore
) -> None:
    (allowed / "link.png").symlink_to(secret)
    for text in ("link.png", "../secret.png", "%2e%2e/secret.png", "..%2Fsecret.png", "a%00.png"):
        with pytest.raises(ForbiddenInputError):
            readable_source(f"file://{allowed}/{text}", store, [allowed])
    with pytest.raises(ForbiddenInputError):
        readable_source(f"file://h.example{allowed}/cat.png", store, [allowed])


def test_a_link_in_an_allowed_folder_does_not_lead_out(
    secret: Path, allowed: Path, store: MediaStore
) -> None:
    (allowed / "link.png").symlink_to(secret)
    (allowed / "way").symlink_to(secret.parent)
    for text in ("link.png", "way/secret.png"):
        with pytest.raises(VisionCraftError) as caught:
            readable_source(text, store, [allowed])
        assert isinstance(caught.value, MediaInputError)


def test_a_hard_link_in_an_allowed_folder_is_a_file_of_that_folder(
    secret: Path, allowed: Path, store: MediaStore
) -> None:
    (allowed / "link.png").hardlink_to(secret)
    with readable_source("link.png", store, [allowed]).open() as file:
        assert file.read() == PNG


def test_links_in_a_circle_are_refused(allowed: Path, store: MediaStore) -> None:
    (allowed / "a").symlink_to(allowed / "b")
    (allowed / "b").symlink_to(allowed / "a")
    with pytest.raises(MediaInputError):
        readable_source("a/x.png", store, [allowed])


@pytest.mark.parametrize("text", ["", "  ", "\x00", "cat.png\x00", "a" * 5000, "a" * 300, "\ud800"])
def test_odd_text_is_refused(text: str, allowed: Path, store: MediaStore) -> None:
    with pytest.raises(MediaInputError):
        readable_source(text, store, [allowed])


def test_a_folder_is_no_file(allowed: Path, store: MediaStore) -> None:
    with pytest.raises(MediaInputError):
        readable_source("sub", store, [allowed])


def test_of_a_forged_artifact_only_the_handle_counts(secret: Path, store: MediaStore) -> None:
    forged = {**Media.from_path(secret).model_dump(), "location": str(secret)}
    with pytest.raises(UnknownHandleError):
        readable_source(forged, store, [])
    kept = store.add(PNG)
    found = readable_source({**forged, "handle": kept.handle}, store, [])
    assert found.media == kept


@pytest.mark.parametrize("value", [{}, {"handle": None}, {"location": "/etc/passwd"}, None, 5, []])
def test_other_values_of_a_model_are_refused(value: Any, store: MediaStore) -> None:
    with pytest.raises(MediaInputError):
        readable_source(value, store, [])


def test_what_code_passes_is_taken_as_it_is(secret: Path, store: MediaStore) -> None:
    assert readable_source(secret, store, []).path == secret
    assert readable_source(PNG, store, []).data == PNG
    assert readable_source(Media.from_path(secret), store, []).media is not None


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(max_size=80)
    | st.lists(
        st.sampled_from(["..", "/", "\\", "secret.png", "~", "file:", ".", "%2e", "\x00"]),
        max_size=8,
    ).map("".join)
)  # fmt: skip
def test_no_text_reaches_the_file_outside(
    text: str, secret: Path, allowed: Path, store: MediaStore
) -> None:
    try:
        source = readable_source(text, store, [allowed])
    except MediaInputError:
        return
    if source.path is not None:
        assert source.path.resolve().is_relative_to(allowed.resolve())


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("https://h.example:8/a.png?sig=secret#x", "https://h.example:8/a.png"),
        ("https://user:secret@h.example/a.png", "https://h.example/a.png"),
        (b"GIF89a", "<bytes>"),
    ],
)
def test_provenance_names_a_source_without_its_secrets(
    value: Any, label: str, store: MediaStore
) -> None:
    assert label_for_provenance(readable_source(value, store, [])) == label


@pytest.mark.parametrize(
    "name", [r"\\host\share\cat.png", "//host/share/cat.png", r"/\host\cat.png"]
)
def test_a_share_of_another_machine_is_not_looked_up(
    name: str, allowed: Path, store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("langchain_visioncraft.media.paths._HAS_SHARES", True)
    looked_up: list[str] = []
    resolve = Path.resolve

    def resolved(path: Path, **options: bool) -> Path:
        looked_up.append(str(path))
        return resolve(path, **options)

    monkeypatch.setattr(Path, "resolve", resolved)
    with pytest.raises(ForbiddenInputError):
        readable_source(name, store, [allowed])
    assert looked_up == [str(allowed)]
    monkeypatch.setattr("langchain_visioncraft.media.media.Place", None)
    with pytest.raises(MediaInputError, match="cannot be read at its source"):
        Media.from_document(Document("-", metadata={"source": name}))
