"""Captions and transcripts for Ray Data datasets, on one machine or a cluster.

`caption` and `transcribe` take a dataset of paths, URLs or bytes, and return it with added columns;
`CallLimits` limits the calls of the whole cluster.
"""

try:
    import ray.data  # noqa: F401
except ImportError as error:
    msg = "langchain_visioncraft.ray needs Ray Data: pip install 'langchain-visioncraft[ray]'"
    raise ImportError(msg) from error

from langchain_visioncraft.ray.datasets import caption, transcribe
from langchain_visioncraft.ray.limits import CallLimits

__all__ = ["CallLimits", "caption", "transcribe"]
