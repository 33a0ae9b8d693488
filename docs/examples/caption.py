from langchain_visioncraft import VisionCraftCaption, VisionCraftTextToImage

draw = VisionCraftTextToImage(width=512, height=384)
harbor = draw.invoke({"prompt": "A harbor with sailboats at sunset"}).split()[0]

look = VisionCraftCaption(store=draw.store)
print(look.invoke({"image": harbor, "prompt": "What's in this image?"}))
