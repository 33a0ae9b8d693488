"""Records HTTP: what every endpoint was asked, and what it answered, without keys.

``make record`` records all scenes (`scenes`, `chat_scenes`) and LangChain's standard suite for chat
models again into ``tests/cassettes``: from the live host if ``VISIONCRAFT_API_KEY`` is set
(``VISIONCRAFT_BASE_URL`` names it), else from sandboxes that it starts. What needs a model that
writes tool calls as text is recorded from a sandbox with Qwen2.5-Coder-0.5B-Instruct behind it. If
its file is missing, this is reported, and those cassettes stay as they are.

``PYTHONPATH=tests python -m recording sd prompted-call`` records only these scenes.
``test_cassettes.py`` and ``test_recorded_standard.py`` replay.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chat_scenes import CHAT_SCENES
from scenes import SCENES, Scene
from tape import KEY, Scrubber, tape

if TYPE_CHECKING:
    from visioncraft_sandbox import Sandbox


@dataclass(frozen=True)
class Host:
    """A host that is recorded.

    Attributes:
        base_url: Its root.
        key: The key that it accepts.
        source: What kind of host it is; the cassettes name it.
        sandbox: Itself, if it is one.
    """

    base_url: str
    key: str
    source: str
    sandbox: Sandbox | None = None


class NoModelError(RuntimeError):
    """The file of the small model is missing."""


@contextlib.contextmanager
def running_host(*, writes_calls: bool = False) -> Iterator[Host]:
    """A host to record from: the live one, or a sandbox for as long as the context lasts.

    Args:
        writes_calls: Whether the sandbox must have a model that writes tool calls as text.

    Raises:
        NoModelError: If it must, and there is none on this machine.
    """
    key = os.environ.get("VISIONCRAFT_API_KEY", "").strip()
    if key:
        from langchain_visioncraft.config import resolve

        yield Host(resolve().base_url, key, "a live host")
        return
    from visioncraft_sandbox import Sandbox

    source, llm = "a sandbox of this package", None
    if writes_calls:
        from benchmarks.small_model_agent import MODEL

        if not MODEL.is_file():
            msg = f"There is no model at {MODEL}."
            raise NoModelError(msg)
        source, llm = f"{source} with Qwen2.5-Coder-0.5B-Instruct", str(MODEL)
    with Sandbox(keys=[KEY], llm=llm) as sandbox:
        yield Host(sandbox.url, KEY, source, sandbox)


def record(*names: str) -> None:
    """Record all scenes, or those that are named."""
    for writes_calls in (False, True):
        scenes = [
            scene
            for scene in (*SCENES, *CHAT_SCENES)
            if scene.writes_calls is writes_calls and (not names or scene.name in names)
        ]
        if not scenes:
            continue
        try:
            with running_host(writes_calls=writes_calls) as host:
                for scene in scenes:
                    _record(scene, host)
        except NoModelError as error:
            print(f"{error} Not recorded: {', '.join(scene.name for scene in scenes)}.")  # noqa: T201


def _record(scene: Scene, host: Host) -> None:
    if host.sandbox is not None:
        host.sandbox.faults.clear()
        host.sandbox.faults.inject(*scene.faults)
    elif scene.faults:
        return
    scrubber = Scrubber(host.base_url, *filter(None, (host.key, scene.key)))
    with tape(scene.path, scrubber, source=host.source):
        outcome = _outcome(scene, host)
    size = scene.path.stat().st_size
    print(f"{scene.name:28} {outcome:22} {size / 1000:8,.0f} kB")  # noqa: T201


def _outcome(scene: Scene, host: Host) -> str:
    try:
        result = scene.play(host.base_url, host.key)
    except Exception as error:
        if type(error).__name__ != scene.error:
            raise
        return str(scene.error)
    if scene.error or not scene.expect(result):
        msg = f"{scene.name} gave {json.dumps(result, default=repr)[:500]}"
        raise RuntimeError(msg)
    return "as documented"


if __name__ == "__main__":
    record(*sys.argv[1:])
