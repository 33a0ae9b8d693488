"""A deep agent (deepagents) whose file tools list, search and read the media of a store.

`MediaBackend` presents a store as a folder. It holds each medium under its handle, which
`read_file` returns as a picture, and beside it ``<handle>.json`` with its provenance and caption.
Run it with ``python cookbook/deep_agent.py``; it needs ``pip install deepagents``.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

from deepagents import create_deep_agent
from deepagents.backends import CompositeBackend, StateBackend
from deepagents.backends.protocol import (
    BackendProtocol,
    EditResult,
    FileData,
    FileDownloadResponse,
    FileInfo,
    FileUploadResponse,
    GlobResult,
    GrepResult,
    LsResult,
    ReadResult,
    WriteResult,
)
from deepagents.backends.utils import (
    compile_grep_include_glob,
    grep_matches_from_files,
    slice_read_response,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import ToolCall
from on_a_host import host

from langchain_visioncraft import (
    ChatVisionCraft,
    MediaStore,
    ShowMedia,
    VisionCraftCaption,
    VisionCraftError,
    VisionCraftToolkit,
)
from langchain_visioncraft.context import run_store

_REFUSAL = "This folder is read-only: make media with the visioncraft tools."


class MediaBackend(BackendProtocol):
    """A store as a folder. Nothing can be written or deleted: the tools fill the store.

    Args:
        store: That of the tools. A run with a `VisionCraftContext` sees its own store instead.
        captioner: Describes a picture when its ``.json`` is first read.
    """

    def __init__(self, store: MediaStore, captioner: VisionCraftCaption | None = None) -> None:
        self._shared, self._captioner = store, captioner
        self._captions: dict[tuple[str, str], str] = {}

    def ls(self, path: str) -> LsResult:
        """List the media, newest first, each with its ``.json``."""
        entries: list[FileInfo] = []
        if path.strip("/"):
            return LsResult(entries=entries)
        for created, handle in sorted(run_store(self._shared).entries(), reverse=True):
            modified = datetime.fromtimestamp(created, UTC).isoformat(timespec="seconds")
            entries += [
                FileInfo(path=f"/{name}", is_dir=False, modified_at=modified)
                for name in (handle, f"{handle}.json")
            ]
        return LsResult(entries=entries)

    def glob(self, pattern: str, path: str | None = None) -> GlobResult:
        """Find files by name."""
        try:
            matches = compile_grep_include_glob(pattern)
        except ValueError as error:
            return GlobResult(error=str(error))
        entries = self.ls(path or "/").entries or []
        return GlobResult(matches=[each for each in entries if matches(each["path"][1:])])

    def grep(
        self,
        pattern: str,
        path: str | None = None,
        glob: str | None = None,
        *,
        max_count: int | None = None,
    ) -> GrepResult:
        """Search the ``.json`` files: prompts, models, sources, and captions so far."""
        store = run_store(self._shared)
        texts = {f"/{media.handle}.json": self._facts(media.handle) for media in store}
        return grep_matches_from_files(texts, pattern, path, glob, max_count=max_count)

    def read(self, file_path: str, offset: int = 0, limit: int = 2000) -> ReadResult:
        """Read a medium, or lines of its ``.json``."""
        name = file_path.strip("/")
        try:
            if name.endswith(".json"):
                facts = self._facts(name.removesuffix(".json"), look=True)
                return slice_read_response(facts, offset, limit)
            data = base64.b64encode(run_store(self._shared).get(name).read()).decode()
        except VisionCraftError as error:
            return ReadResult(error=str(error))
        return ReadResult(file_data=FileData(content=data, encoding="base64"))

    def _facts(self, handle: str, *, look: bool = False) -> FileData:
        store = run_store(self._shared)
        facts = store.provenance(handle)
        key = store.root, handle
        if look and self._captioner and key not in self._captions:
            call = ToolCall(type="tool_call", id="look", name="look", args={"image": handle})
            answer = self._captioner.invoke(call)
            if answer.status != "error":  # such as that of a recording
                self._captions[key] = answer.text
        facts["caption"] = self._captions.get(key)
        text = json.dumps(facts, indent=1, ensure_ascii=False)
        return FileData(content=text, encoding="utf-8", modified_at=facts.get("created", ""))

    def download_files(self, paths: list[str]) -> list[FileDownloadResponse]:
        """Give the bytes of media."""
        store = run_store(self._shared)
        return [
            FileDownloadResponse(path=path, content=store.get(path).read())
            if path.strip("/") in store
            else FileDownloadResponse(path=path, error="file_not_found")
            for path in paths
        ]

    def write(self, file_path: str, content: str) -> WriteResult:  # noqa: ARG002
        """Refuse."""
        return WriteResult(error=_REFUSAL)

    def edit(self, *_: Any, **__: Any) -> EditResult:
        """Refuse."""
        return EditResult(error=_REFUSAL)

    def upload_files(self, files: list[tuple[str, bytes]]) -> list[FileUploadResponse]:
        """Refuse."""
        return [FileUploadResponse(path=path, error="permission_denied") for path, _ in files]


def deep_agent(connection: dict[str, Any], store: MediaStore, model: BaseChatModel) -> Any:
    """A deep agent that draws, and finds in ``/media/`` what was drawn before."""
    toolkit = VisionCraftToolkit(**connection, store=store)
    captioner = VisionCraftCaption(**connection, store=store)
    return create_deep_agent(
        model,
        toolkit.get_tools(),
        system_prompt=(
            "You illustrate. The media of all your threads are in /media/; search the .json files "
            "there before you draw again. Tools take a medium by its name, without the folder."
        ),
        backend=CompositeBackend(
            default=StateBackend(), routes={"/media/": MediaBackend(store, captioner)}
        ),
        # A picture that is read is shown to the model in its form, and kept out of checkpoints.
        middleware=[ShowMedia(store)],
    )


def main() -> None:
    """Draw a picture, and show what the file tools find of it."""
    store = MediaStore("demo_output/deep")
    with host() as connection:
        agent = deep_agent(
            connection, store, ChatVisionCraft(model="Llama-3.1-70B-Instruct", **connection)
        )
        answer = agent.invoke({"messages": ["Draw a picture of a red fox in the snow."]})
    print(answer["messages"][-1].text)
    for match in MediaBackend(store).grep("red fox").matches or []:
        print("/media" + match["path"], match["text"].strip(), sep=": ")


if __name__ == "__main__":
    main()
