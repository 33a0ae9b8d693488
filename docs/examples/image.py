from langchain_visioncraft import VisionCraftImage

draw = VisionCraftImage(width=512, height=384)  # FLUX.1; any model of the host by model=
print(draw.invoke({"prompt": "A fox in a snowy forest at dawn", "seed": 7}))
