from langchain_visioncraft import VisionCraftClient, VisionCraftImageToVideo

[fox] = VisionCraftClient().text_to_image("A red fox in a snowy forest", width=512, height=384)
film = VisionCraftImageToVideo()
print(film.invoke({"image": fox}))
