from langchain_visioncraft import VisionCraftTextToImageEngine

draw = VisionCraftTextToImageEngine(engine="dalle", size="1792x1024")
print(draw.invoke({"prompt": "A hot-air balloon over a lake in the morning"}))
