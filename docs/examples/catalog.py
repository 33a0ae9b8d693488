from langchain_visioncraft import VisionCraftCatalog

catalog = VisionCraftCatalog()
print(catalog.invoke({"family": "sdxl", "kind": "samplers", "contains": "ancestral"}))
