"""A small rule-based planner for chat requests that offer tools.

A model of 135 million parameters cannot choose tools. These rules can, for the plain requests of
a demonstration: they find the steps in the latest request, a tool for each, and the files in
earlier results. They understand nothing else, and say so.
"""

from visioncraft_sandbox.planner.planner import answer, written
from visioncraft_sandbox.planner.process import answer_apart

__all__ = ["answer", "answer_apart", "written"]
