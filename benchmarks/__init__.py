"""How fast, and how large in memory, side by side with what a user would pick instead.

``make bench`` runs everything; ``python -m benchmarks --help`` says how to run a part.
"""
