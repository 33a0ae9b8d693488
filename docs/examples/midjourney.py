from langchain_visioncraft import VisionCraftMidjourney

draw = VisionCraftMidjourney(deadline=600)  # seconds
print(draw.invoke({"prompt": "A whale under the full moon --ar 3:2"}))
