"""Tools in words, for models and hosts that know no other way. No I/O.

A request and its answer go through these modules from top to bottom:

- `tools`: how tools are described
- `reading`: the text of an answer, told apart into prose and calls as it arrives
- `formats`: a table of forms, and what may begin and end a call in them
- `parsing`: the calls behind a mark, once the answer is whole
- `bodies`: calls as tags, as Python, in Gemma's notation
- `calls`: which tool a call means, and with which arguments

`langchain_visioncraft.chat_models.bound_tools` checks them, and asks the model once more.
"""
