from langchain_visioncraft import VisionCraftClient, VisionCraftImageToImage

[meadow] = VisionCraftClient().text_to_image(
    "A cottage in a meadow in the morning", width=512, height=384
)
change = VisionCraftImageToImage(strength=0.8)
print(change.invoke({"image": meadow, "prompt": "The same cottage in winter at night"}))
