"""One file that came from, or goes to, the service."""

from __future__ import annotations

import errno
import io
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self

import pybase64
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    computed_field,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler

from langchain_visioncraft.errors import InvalidRequestError, MediaInputError
from langchain_visioncraft.media.filesystems import Folder
from langchain_visioncraft.media.handles import SHA256, digest_of, handle_for
from langchain_visioncraft.media.inspection import MediaInfo, media_info, type_of
from langchain_visioncraft.media.paths import is_share
from langchain_visioncraft.media.places import HeldBytes, Holder, InStore, Place, store_of
from langchain_visioncraft.media.sniff import EXTENSIONS

if TYPE_CHECKING:
    from langchain_core.documents import Document

_SHOWN = 200
"""Characters of a source that are shown if it is not a file."""


def readable_size(size: int) -> str:
    """Bytes for people: ``820 bytes``, ``14 kB``, ``1.4 MB``."""
    if size < 1000:
        return f"{size} bytes"
    unit, number = ("kB", size / 1e3) if size < 999_500 else ("MB", size / 1e6)
    return f"{number:.1f} {unit}" if number < 9.95 else f"{number:,.0f} {unit}"


class _Store(Protocol):
    """The part of `MediaStore` used here; its module imports this one."""

    def __contains__(self, handle: object, /) -> bool: ...

    def get(self, handle: str, /) -> Media: ...

    @property
    def _folder(self) -> Folder: ...


class Media(BaseModel):
    """A picture, GIF, video or recording: what it is, and where its bytes are.

    It is plain data: ``model_dump()`` is JSON-safe and ``Media.model_validate`` restores it. A
    restored `Media` is read only from a store that this process has opened, by its handle, and only
    if the bytes there have its SHA-256; any other `location` is dropped. Two are equal if they have
    the same bytes and the same location.

    ```python
    from langchain_visioncraft import Media

    media = Media.from_bytes(b"GIF89a" + bytes(7) + b";")
    assert media.mime_type == "image/gif"
    assert media.handle.endswith(".gif")
    ```

    Attributes:
        mime_type: The type by content, whatever the service reported.
        size: Bytes.
        width: Pixels of a picture or video, upright.
        height: Pixels of a picture or video, upright.
        duration: Seconds of an MP4 or WAV.
        seed: The seed that it was drawn from, if the host returned one.
        location: Path or URL of the file in its store; ``None`` while it is only in memory.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    mime_type: str = Field(pattern=r"^[\w.+-]+/[\w.+-]+$")
    size: int = Field(ge=0, lt=1 << 63)
    width: int | None = Field(default=None, ge=0, lt=1 << 63)
    height: int | None = Field(default=None, ge=0, lt=1 << 63)
    duration: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    seed: int | None = None
    location: str | None = None

    _held: Holder | None = PrivateAttr(default=None)
    _digest: str | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _take_digest(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        media = validate(value)
        if isinstance(value, Mapping):
            digest = value.get("sha256")
            if not isinstance(digest, str) or not SHA256.fullmatch(digest):
                msg = "sha256 must be 64 hex digits"
                raise ValueError(msg)
            media._digest = digest
            if value.get("handle", media.handle) != media.handle:
                msg = f"handle must be {media.handle}, by sha256 and mime_type"
                raise ValueError(msg)
            media._be_in(None)
        return media

    def _be_in(self, files: Folder | None) -> None:
        """Read the bytes from the folder of this store, or of the opened store at its location."""
        self._held = InStore(self.handle, files, self.sha256, self.location)
        known = files or store_of(self.location, self.handle)
        # It is frozen for others.
        self.__dict__["location"] = known.where(self.handle) if known else None

    @computed_field  # type: ignore[prop-decorator]  # mypy knows none over another decorator
    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the bytes, 64 hex digits. The first access reads all bytes."""
        if self._digest is not None:
            return self._digest
        with self.open() as file:
            return digest_of(file)

    @computed_field  # type: ignore[prop-decorator]
    @cached_property
    def handle(self) -> str:
        """The name in a store: 12 hex digits of the SHA-256 and the extension of the type."""
        return handle_for(self.sha256, self.mime_type)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Media):
            return NotImplemented
        return (self.sha256, self.mime_type, self.location) == (
            other.sha256,
            other.mime_type,
            other.location,
        )

    def __hash__(self) -> int:
        return hash((self.size, self.mime_type, self.location))

    @classmethod
    def from_bytes(cls, data: bytes) -> Media:
        """Wrap bytes.

        Raises:
            InvalidRequestError: If the type is unknown.
        """
        return cls.found(HeldBytes(data))

    @classmethod
    def from_path(cls, path: str | os.PathLike[str]) -> Media:
        """Wrap a file without copying it.

        Raises:
            InvalidRequestError: If the type is unknown.
            OSError: If it cannot be read.
        """
        place = Place(Path(path).absolute())
        return cls.found(place, str(place.path))

    @classmethod
    def found(cls, holder: Holder, location: str | None = None) -> Media:
        """Detect the type of a holder's bytes. Raises as `from_path` does."""
        with holder.open() as file:
            mime = type_of(file)
            if mime not in EXTENSIONS:
                msg = f"This is not a picture, video or recording but {mime or 'unknown data'}."
                raise InvalidRequestError(msg)
            info, size = media_info(file, mime), file.seek(0, io.SEEK_END)
            media = cls.holding(holder, mime_type=mime, size=size, info=info)
            if location is None:
                return media
            file.seek(0)
            media._digest = digest_of(file)  # now: the file may change
            return media.at(location, holder)

    @classmethod
    def from_document(cls, document: Document, store: _Store | None = None) -> Media:
        """The picture or recording that a document was made from, by the document's metadata.

        ```python
        from langchain_visioncraft import Media, VisionCraftMediaLoader

        document = VisionCraftMediaLoader("recordings").load()[0]
        media = Media.from_document(document)
        assert media.sha256 == document.metadata["sha256"]
        ```

        Args:
            document: A document from a loader or parser of this package.
            store: The store that was passed to the loader. Without it, the file must still be in
                its place.

        Raises:
            MediaInputError: If the file is gone or was replaced, or the metadata have no SHA-256
                to check this, since a vector store may hold anything.
        """
        metadata = document.metadata
        handle, source = metadata.get("handle"), str(metadata.get("source") or "")
        digest = metadata.get("sha256")
        if store is not None and handle and handle in store:
            media = store.get(handle)
            if digest == media.sha256:
                return media
        try:
            if is_share(source):
                raise PermissionError(errno.EACCES, "A share is not read", source)
            media = cls.from_path(source)
        except (OSError, InvalidRequestError) as error:
            missing = "is in no store that is known" if store is None else "is not in this store"
            msg = (
                f"{source[:_SHOWN] or handle or 'This document'}: its file {missing}, and cannot "
                "be read at its source. Give the loader and this method the same store=, which "
                "keeps copies."
            )
            raise MediaInputError(msg) from error
        if digest != media.sha256:
            msg = f"{source} is not the file that this document was made from."
            raise MediaInputError(msg)
        return media

    @classmethod
    def holding(
        cls, holder: Holder, *, mime_type: str, size: int, info: MediaInfo | None = None
    ) -> Media:
        """Build a medium from known facts and the object that holds its bytes."""
        info = info or MediaInfo()
        media = cls.model_construct(
            mime_type=mime_type,
            size=size,
            width=info.width,
            height=info.height,
            duration=info.duration,
        )
        media._held = holder
        return media

    def at(self, location: str, holder: Holder | None = None) -> Media:
        """The same medium at this path or URL, opened by this holder if you pass one."""
        media = self.model_copy(update={"location": location})
        media._held = holder or Place(Path(location))
        return media

    @property
    def held(self) -> Holder | None:
        """The object that holds the bytes."""
        return self._held

    @classmethod
    def from_artifact(cls, artifact: Any, store: _Store | None = None) -> list[Media]:
        """All media of a tool message's `artifact`.

        The list is empty without an artifact, or if the tool makes no media, as for a transcript.

        Args:
            artifact: The artifact from the tool or from a checkpoint.
            store: The store of the media. Default: the store of their `location`, if this process
                has opened it.

        Raises:
            ValidationError: If the data contradicts itself.
        """
        items = artifact if isinstance(artifact, list) else [artifact]
        media = [cls.model_validate(item) for item in items if _is_media(item)]
        if store is not None:
            for medium in media:
                medium._be_in(store._folder)
        return media

    @staticmethod
    def to_artifact(media: Sequence[Media]) -> Any:
        """Plain JSON-safe data for a tool message: a dictionary, or a list if there are several."""
        items = [medium.model_dump(mode="json", exclude_none=True) for medium in media]
        return items[0] if len(items) == 1 else items

    @property
    def path(self) -> Path | None:
        """The local file, if it is in a local store."""
        return self._held.path if isinstance(self._held, Place | InStore) else None

    def open(self, mode: str = "rb") -> BinaryIO:
        """Open the bytes for reading.

        Raises:
            FileNotFoundError: If they are in no store, or no longer in the store.
            DamagedMediaError: If it was restored from data, and the store has other bytes under
                its handle.
        """
        if mode != "rb":
            msg = f"A Media is read-only: mode {mode!r} is not possible."
            raise ValueError(msg)
        if self._held is None:  # built without validation, as checkpointers may do
            msg = f"This {self.mime_type} does not say where its bytes are. Get it from a store."
            raise FileNotFoundError(msg)
        return self._held.open("rb")

    def read(self) -> bytes:
        """All bytes."""
        with self.open() as file:
            return file.read()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy it to a file, or into a folder under its handle. Returns the path of the copy.

        The file appears only when it is complete. If the target is a link, the link stays and its
        target is replaced; a device or a named pipe is written to.

        Raises:
            FileNotFoundError: If the folder does not exist.
        """
        target = Path(path)
        if target.is_dir():
            target = target / self.handle
        if target.exists() and not target.is_file():
            with self.open() as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            return target
        file = Path(os.path.realpath(target))
        if not file.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, "There is no such folder", str(file.parent))
        partial = file.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with self.open() as source, partial.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            partial.replace(file)
        finally:
            partial.unlink(missing_ok=True)
        return target

    def data_url(self) -> str:
        """``data:image/png;base64,…``, for a page or a chat message."""
        return f"data:{self.mime_type};base64,{pybase64.b64encode_as_string(self.read())}"

    def block(self) -> dict[str, str]:
        """A standard content block (``type``, ``base64``, ``mime_type``) for a message."""
        kind = self.mime_type.partition("/")[0]
        data = pybase64.b64encode_as_string(self.read())
        return {"type": kind, "base64": data, "mime_type": self.mime_type}

    def describe(self) -> str:
        """One line: ``a1b2c3d4e5f6.png (image/png, 1024x1024, 1.4 MB)``."""
        facts = [self.mime_type]
        if self.width and self.height:
            facts.append(f"{self.width}x{self.height}")
        if self.duration:
            facts.append(f"{self.duration:.1f} s")
        facts.append(readable_size(self.size))
        return f"{self.handle} ({', '.join(facts)})"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """How a notebook shows it: the picture, the playing video or sound, else one line."""
        bundle: dict[str, Any] = {"text/plain": self.describe()}
        kind = self.mime_type.partition("/")[0]
        if self.mime_type in ("image/png", "image/jpeg"):
            bundle[self.mime_type] = pybase64.b64encode_as_string(self.read())
        elif kind == "image":
            bundle["text/html"] = f'<img src="{self.data_url()}" alt="{self.handle}">'
        elif kind in ("video", "audio"):
            loop = " loop" if kind == "video" else ""
            bundle["text/html"] = f'<{kind} controls{loop} src="{self.data_url()}"></{kind}>'
        return bundle


def _is_media(item: Any) -> bool:
    return isinstance(item, Media) or (isinstance(item, dict) and {"mime_type", "size"} <= {*item})
