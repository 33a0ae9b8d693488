"""Servers behind the VisionCraft API, in place of the sandbox's small models.

| endpoints | option | made by |
|---|---|---|
| ``/v1/chat/completions``, ``/llm`` | ``--llm`` | an OpenAI-compatible server |
| the same with pictures, or a LLaVA model | ``--vision-llm``, else ``--llm`` | the same |
| the same with tools or pictures that the server refuses | | the sandbox |
| ``/sd``, ``/generate``, ``/generate-xl``, ``/openjourney``, ``/midjourney`` | ``--images`` | the host |
| ``/img2img``, both forms, with and without mask | ``--images`` | the host |
| ``/upscale``, ``upscale`` of ``/generate`` | ``--images`` | the host if it has an upscaler, else the sandbox |
| ``/text2gif``, ``/generate-gif``, ``/img2video`` | | the sandbox |
| ``/whisper`` | ``--speech`` | a Whisper server |
| lists of models, samplers, schedulers, LoRAs | ``--images``, ``--llm`` | the host |

``x-visioncraft-engine`` names the engine of each answer. If the host lacks a documented model or
sampler, the nearest one that it has is used; an unknown LoRA is refused, and the ``refiner`` of
``/img2img`` is ignored. Pictures are made in multiples of 8 pixels and cut to the requested size.
The caller's key never leaves the sandbox.

When a caller hangs up, the work on the server ends, too: the connection is closed (chat, speech),
or the task is interrupted (Automatic1111, ComfyUI) or removed from the queue (ComfyUI).
"""  # noqa: E501  # a table
