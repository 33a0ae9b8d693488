from langchain_visioncraft import VisionCraftClient, VisionCraftUpscale

[cat] = VisionCraftClient().text_to_image("An orange cat in a wooden boat", width=192, height=144)
upscale = VisionCraftUpscale()
print(upscale.invoke({"image": cat, "resize": 4}))
