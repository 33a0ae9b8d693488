from langchain_visioncraft import VisionCraftImageToVideo, VisionCraftTextToImage

draw = VisionCraftTextToImage(width=512, height=384)
fox = draw.invoke({"prompt": "A red fox in a snowy forest"}).split()[0]

film = VisionCraftImageToVideo(store=draw.store)
print(film.invoke({"image": fox}))
