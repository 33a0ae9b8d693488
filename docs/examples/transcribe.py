from langchain_visioncraft import VisionCraftTranscribe

listen = VisionCraftTranscribe(allowed_dirs=["recordings"])  # a model may name files there
call = {"type": "tool_call", "id": "1", "name": listen.name, "args": {"audio": "spoken_note.ogg"}}
message = listen.invoke(call)
for segment in message.artifact["segments"]:
    print(f"{segment['start']:4.1f} s {segment['text']}")
