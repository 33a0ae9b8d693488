from langchain_visioncraft import VisionCraftTextToImage, VisionCraftUpscale

draw = VisionCraftTextToImage(width=192, height=144)
cat = draw.invoke({"prompt": "An orange cat in a wooden boat"}).split()[0]

upscale = VisionCraftUpscale(store=draw.store)
print(upscale.invoke({"image": cat, "resize": 4}))
