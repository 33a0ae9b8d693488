from langchain_visioncraft import VisionCraftOpenjourney

draw = VisionCraftOpenjourney(width=512, height=384)
print(draw.invoke({"prompt": "mdjrny-v4 style, a hot-air balloon over green hills"}))
