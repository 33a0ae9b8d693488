"""Run notebooks where they are, and save their outputs: ``make notebooks``.

``jupyter-execute`` would save the time of every cell, too, and each word of a stream as an output.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"  # progress bars are text here
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

for path in map(Path, sys.argv[1:] or sorted(Path(__file__).parent.glob("*.ipynb"))):
    print(f"Running {path.name} ...", flush=True)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
    ).execute()
    nbformat.write(notebook, path)
