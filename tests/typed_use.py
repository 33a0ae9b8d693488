"""What users write, for a type checker without plugins: `make lint` checks it, nothing runs it."""

from __future__ import annotations

from pathlib import Path

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from visioncraft_sandbox import Fault, Sandbox

from langchain_visioncraft import (
    AsyncVisionCraftClient,
    ChatVisionCraft,
    ChatVisionCraftLegacy,
    Media,
    MediaStore,
    VisionCraftCaption,
    VisionCraftCatalog,
    VisionCraftClient,
    VisionCraftContext,
    VisionCraftImageToImage,
    VisionCraftImageToVideo,
    VisionCraftLimits,
    VisionCraftMediaLoader,
    VisionCraftTextToGif,
    VisionCraftTextToImage,
    VisionCraftToolkit,
    VisionCraftTranscribe,
    VisionCraftUpscale,
)
from langchain_visioncraft.middleware import Budget, ShowMedia


def clients() -> list[Media]:
    client = VisionCraftClient(api_key="any", base_url="http://127.0.0.1:8765", max_retries=0)
    [image] = client.text_to_image("A lighthouse in a storm", width=256, height=256)
    image.save("lighthouse.png")
    [large] = client.upscale("lighthouse.png")
    text: str = client.transcribe(Path("note.ogg")).text
    described: str = client.caption(image, "What is it?")
    return [image, large, *client.text_to_image(text + described)]


async def async_clients() -> list[Media]:
    async with AsyncVisionCraftClient(api_key="any") as client:
        return list(await client.text_to_image("A lighthouse in a storm"))


def tools(folder: str) -> tuple[str, list[str]]:
    store = MediaStore(folder)
    draw = VisionCraftTextToImage(api_key="any", store=store, allowed_dirs=[folder], steps=20)
    VisionCraftTextToImage(base_url="http://127.0.0.1:8765", model="sdxl-base", cache=True)
    VisionCraftImageToImage(allowed_dirs=[Path(folder)])
    VisionCraftCatalog(cache_seconds=5)
    VisionCraftCaption(model="llava-1.5-7b-hf")
    others = [
        VisionCraftTextToGif(),
        VisionCraftImageToVideo(),
        VisionCraftUpscale(),
        VisionCraftTranscribe(),
        VisionCraftLimits(),
    ]
    text: str = draw.invoke({"prompt": "A cat"})
    toolkit = VisionCraftToolkit(client=VisionCraftClient(api_key="any"), text_to_image="sdxl")
    return text, [tool.name for tool in [*toolkit.get_tools(), *others]]


def agents() -> tuple[str, str]:
    chat = ChatVisionCraft(model="Llama-3.1-70B-Instruct", api_key="any", base_url="http://a")
    model = ChatVisionCraft(
        model="small", temperature=0.2, max_tokens=256, tool_calling="constrained", vision=True
    )
    ChatVisionCraftLegacy(model="small", api_key="any")
    agent = create_agent(
        model,
        VisionCraftToolkit(api_key="any").get_tools(),
        middleware=[ShowMedia(MediaStore()), Budget(pictures=5)],
        context_schema=VisionCraftContext,
    )
    said = {"role": "user", "content": "Draw a fox."}
    agent.invoke({"messages": [said]}, context=VisionCraftContext(api_key="any", user="ann"))
    return chat.invoke([HumanMessage("Hello")]).text, chat.invoke("Hello").text


def loaders() -> list[Media]:
    loader = VisionCraftMediaLoader("photos", api_key="any", on_error="skip")
    return [Media.from_document(document) for document in loader.load()]


def sandboxes() -> str:
    with Sandbox(models=False, faults=[Fault(endpoint="POST /sd", status=503)]) as sandbox:
        sandbox.faults.inject(Fault(delay=2.5), "POST /sd status=500")
        return sandbox.url
