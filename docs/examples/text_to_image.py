from langchain_visioncraft import VisionCraftTextToImage

draw = VisionCraftTextToImage(width=512, height=384)  # defaults that a call may override
print(draw.invoke({"prompt": "A lighthouse in a storm at night", "negative_prompt": "people"}))
