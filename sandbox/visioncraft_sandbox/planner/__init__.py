"""A small rule-based planner that answers chat requests which offer tools.

A model of 135 million parameters cannot choose tools. These rules can, for the plain requests of
a demonstration: they find the steps that the latest request names, the tool that does each, and
the files that earlier results gave. They understand nothing else, and say so.
"""

from visioncraft_sandbox.planner.planner import answer

__all__ = ["answer"]
