from langchain_visioncraft import VisionCraftCaption, VisionCraftClient

[harbor] = VisionCraftClient().text_to_image(
    "A harbor with sailboats at sunset", width=512, height=384
)
look = VisionCraftCaption()
print(look.invoke({"image": harbor, "prompt": "What's in this image?"}))
