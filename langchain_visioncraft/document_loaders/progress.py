"""A progress bar for loaders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(count: Callable[[], int | None] | None) -> Iterator[Callable[[], Any]]:
    """A bar for as many files as there are, or none; gives what to call after each file.

    Args:
        count: Counts the files. `None`: there is no bar.

    Raises:
        ImportError: If tqdm is not installed.
    """
    if count is None:
        yield lambda: None
        return
    try:
        from tqdm import tqdm  # noqa: PLC0415 -- the extra `media`
    except ImportError as error:
        msg = "show_progress=True needs tqdm: pip install 'langchain-visioncraft[media]'"
        raise ImportError(msg) from error
    with tqdm(total=count(), unit="file") as bar:
        yield bar.update
