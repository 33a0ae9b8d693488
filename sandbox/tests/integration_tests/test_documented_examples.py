"""Every runnable example of the service's documents, run as it stands but for host and key.

An example is a fenced block of a document. It is runnable if it is a whole program: Python that
imports something, JavaScript that requires node-fetch, or a shell command that begins a line with
``curl``. Blocks that only show a request or an answer (``POST https://…``, JSON) are not. The five
documents hold 31: 19 in Python, 6 in JavaScript, 6 for curl.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from visioncraft_sandbox import Sandbox

from langchain_visioncraft.media.sniff import HEAD_BYTES, sniff

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
DOCUMENTS = ROOT.parent / "shared" / "seeds"
SPEECH = ROOT / "cookbook" / "assets" / "spoken_note.ogg"
KEY = "documented-example"

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="the service's documents are not here"),
]

INPUTS = ("my_image.png", "image.png")
MIME_BY_SUFFIX = {".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4"}


@dataclass(frozen=True)
class Example:
    document: str
    number: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.document}-{self.number:02}-{self.language}"


def language_of(code: str) -> str | None:
    if "require('node-fetch')" in code:
        return "javascript"
    if re.search(r"^(?:import|from) \w", code, re.MULTILINE):
        return "python"
    return "curl" if re.search(r"^curl ", code, re.MULTILINE) else None


def examples() -> list[Example]:
    found = []
    for path in sorted(DOCUMENTS.glob("*.txt")):
        blocks = re.findall(
            r"^```\w*\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.MULTILINE
        )
        runnable = [(language_of(code), code) for code in blocks if language_of(code)]
        found += [
            Example(path.name[:3], number, language or "", code)
            for number, (language, code) in enumerate(runnable, 1)
        ]
    return found


EXAMPLES = examples()


def test_the_documents_hold_31_runnable_examples() -> None:
    counted = Counter(example.language for example in EXAMPLES)
    assert counted == {"python": 19, "javascript": 6, "curl": 6}


@pytest.fixture(scope="module")
def documented_host() -> Iterator[Sandbox]:
    with Sandbox(keys=[KEY], midjourney_seconds=0.5) as running:
        yield running


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder from which Node takes ``node-fetch``: the real one, or else the shim."""
    folder = tmp_path_factory.mktemp("node")
    npm = shutil.which("npm")
    if npm is not None:
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", "node-fetch@2"]
        try:
            subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=True)
        except (subprocess.SubprocessError, OSError):
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
    package = folder / "node_modules" / "node-fetch"
    if not package.is_dir():
        package.mkdir(parents=True)
        shutil.copy(HERE / "node_fetch_shim.js", package / "index.js")
    return folder / "node_modules"


def with_host_and_key(code: str, url: str) -> str:
    for host in ("https://api.visioncraft.top", "https://visioncraft.top"):
        code = code.replace(host, url)
    code = code.replace("http://loplequ.domcloud.io", url)
    return re.sub(r"\byour_(?:api_key|key|token)\b", KEY, code)


def prepare(folder: Path) -> None:
    """The files that the examples read."""
    picture = Image.effect_mandelbrot((96, 64), (-2, -1, 1, 1), 40).convert("RGB")
    for name in INPUTS:
        picture.save(folder / name)
    # The document's name for it says MP3; the service goes by what a file holds.
    shutil.copy(SPEECH, folder / "my_audio.mp3")


def command_for(example: Example, folder: Path, node_modules: Path, code: str) -> list[str]:
    if example.language == "python":
        (folder / "example.py").write_text(code, "utf-8")
        return [sys.executable, "example.py"]
    if example.language == "javascript":
        node = shutil.which("node")
        if node is None:
            pytest.skip("Node.js is not installed")
        (folder / "node_modules").symlink_to(node_modules)
        (folder / "example.js").write_text(code, "utf-8")
        return [node, "example.js"]
    bash = shutil.which("bash")
    if bash is None or shutil.which("curl") is None:
        pytest.skip("bash or curl is not installed")
    return [bash, "-c", code]


def run(example: Example, host: Sandbox, folder: Path, node_modules: Path) -> bytes:
    prepare(folder)
    code = with_host_and_key(example.code, host.url)
    assert "visioncraft.top" not in code
    assert "your_" not in code.replace("your_image", "")
    command = command_for(example, folder, node_modules, code)
    ran = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        timeout=100,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


@pytest.mark.timeout(150)
@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_a_documented_example_runs(
    example: Example, documented_host: Sandbox, node_modules: Path, tmp_path: Path
) -> None:
    printed = run(example, documented_host, tmp_path, node_modules)
    named = re.findall(r"['\"]([\w{}]+\.(?:png|gif|mp4))['\"]", example.code)
    written = [name.replace("{i}", "0") for name in named if name not in INPUTS]
    for name in written:
        data = (tmp_path / name).read_bytes()
        assert sniff(data[:HEAD_BYTES]) == MIME_BY_SUFFIX[Path(name).suffix]
        assert len(data) > 1000
    if example.language == "curl":
        check_printed_by_curl(example.code, printed)
    elif not written:
        check_printed(example.code, printed.decode())


def check_printed_by_curl(code: str, printed: bytes) -> None:
    if "/sd" in code or "/text2gif" in code:
        wanted = "image/png" if "/sd" in code else "image/gif"
        assert sniff(printed[:HEAD_BYTES]) == wanted
    elif "/models-llm" in code:
        assert "llava-1.5-7b-hf" in json.loads(printed)
    else:
        answer = json.loads(printed)
        assert answer["choices"][0]["message"]["content"].strip()
        assert answer["usage"]["total_tokens"] > 0


def check_printed(code: str, printed: str) -> None:
    if "/models-llm" in code or "fetch_llm_models" in code:
        assert "airoboros-70b" in printed
    elif "/whisper" in code:
        assert "'text': '" in printed
        assert "'segments': [{" in printed
    elif "image" in code:
        # Node's console shortens nested objects; Python prints the whole answer.
        assert "choices" in printed
        assert "96 x 64" in printed or "[Object]" in printed
    else:
        assert "choices" in printed
        assert not re.search(r"""["'\s]error["':]|\w*Error\b""", printed)
