from langchain_visioncraft import VisionCraftLimits

print(VisionCraftLimits().invoke({}))
