"""Tool calls in the text of answers, without native tool calling. No I/O.

An answer goes through these modules from top to bottom:

- `reading`: splits the text of an answer into prose and calls as it arrives
- `formats`: a table of formats, and the marks that begin and end a call in them
- `parsing`: the calls after a mark, once the answer is complete
- `bodies`: calls as tags, as Python, in Gemma's notation
- `calls`: which tool a call means, and with which arguments

`langchain_visioncraft.chat_models.bound_tools` describes the tools, and checks the calls.
"""
