"""Follows README.md word for word in a fresh virtual environment and an empty folder.

``python readme.py README.md ENVIRONMENT WHEELS``: installs what the README says when it
says so, starts the sandbox where it does, and runs each Python block with what is there by then.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PORT = 8796


def follow(readme: Path, environment: Path, wheels: Path) -> None:
    """Do what each block says.

    Raises:
        CalledProcessError: If one fails.
    """
    commands = environment / "bin"
    python = str(commands / "python")
    ran = 0
    with tempfile.TemporaryDirectory() as folder:
        shell = os.environ | {
            "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
            "VISIONCRAFT_API_KEY": "any",
            "VISIONCRAFT_BASE_URL": f"http://127.0.0.1:{PORT}",
            "PIP_FIND_LINKS": f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}",
        }
        serving: list[subprocess.Popen[bytes]] = []
        try:
            for kind, text in BLOCK.findall(readme.read_text(encoding="utf-8")):
                if kind == "python":
                    subprocess.run([python, "-c", text], cwd=folder, env=shell, check=True)
                    ran += 1
                    continue
                for line in filter(None, text.splitlines()):
                    words = shlex.split(line, comments=True)
                    if words[:2] == ["visioncraft", "sandbox"]:
                        command = [*words, "--port", str(PORT)]
                        serving.append(subprocess.Popen(command, cwd=folder, env=shell))
                    elif words[:2] == ["pip", "install"]:
                        pip = [python, "-m", *words, "--quiet", "--no-compile"]
                        subprocess.run(pip, cwd=folder, env=shell, check=True)
                    elif words[0] != "export":
                        subprocess.run(words, cwd=folder, env=shell, check=True)
        finally:
            for server in serving:
                server.terminate()
    if ran < 5:
        sys.exit(f"Only {ran} Python blocks were found in {readme}.")
    print(f"the README works: {ran} Python blocks in a fresh environment")  # noqa: T201 -- the result


if __name__ == "__main__":
    follow(*(Path(argument).absolute() for argument in sys.argv[1:]))
