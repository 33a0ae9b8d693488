from langchain_visioncraft import VisionCraftImageToImage, VisionCraftTextToImage

draw = VisionCraftTextToImage(width=512, height=384)
meadow = draw.invoke({"prompt": "A cottage in a meadow in the morning"}).split()[0]

change = VisionCraftImageToImage(store=draw.store, strength=0.8)
print(change.invoke({"image": meadow, "prompt": "The same cottage in winter at night"}))
