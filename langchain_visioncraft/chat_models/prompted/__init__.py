"""Tools in words, for models and hosts that know no other way. No I/O.

A request and its answer go through these modules from top to bottom:

- `tools`: how tools are described, which calls fit, and what the model is asked once more
- `history`: earlier calls and results as text
- `reading`: the text of an answer, told apart into prose and calls
- `formats`: the table of how models write calls
- `bodies`: calls as tags, as Python, in Gemma's notation
- `calls`: which tool a call means, and with which arguments
"""
