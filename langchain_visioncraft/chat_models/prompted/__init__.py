"""Tools and structured output in words, for models that know neither. No I/O.

One answer goes through these modules from top to bottom:

- `steps`: what is asked, which for a very small model takes a question of its own
- `tools`, `structured`: what the model is told of tools, or of the form of its answer
- `history`: earlier calls and results as text
- `answers`: what is made of an answer, whole or streamed, and whether the model is asked again
- `reading`: the text of an answer, told apart into prose and calls
- `formats`: the table of how models write calls, and what the JSON in them means
- `schemas`: what a model is shown of a JSON schema, and whether arguments fit it
"""
