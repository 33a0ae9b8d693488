from langchain_visioncraft import VisionCraftTextToImageSDXL

draw = VisionCraftTextToImageSDXL(width=512, height=512)
print(draw.invoke({"prompt": "A castle on a mountain with a rainbow"}))
