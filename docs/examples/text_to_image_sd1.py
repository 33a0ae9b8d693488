from langchain_visioncraft import VisionCraftTextToImageSD1

draw = VisionCraftTextToImageSD1(image_count=2, width=512, height=512)
print(draw.invoke({"prompt": "A robot with flowers in a meadow"}))  # a line for each picture
