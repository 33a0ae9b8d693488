from langchain_visioncraft import VisionCraftTextToGif

animate = VisionCraftTextToGif()
print(animate.invoke({"prompt": "A sailboat on the waves under the stars"}))
