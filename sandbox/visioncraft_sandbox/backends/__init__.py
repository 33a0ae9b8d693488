"""Servers of one's own behind the VisionCraft API, where the sandbox's small models do not do.

| endpoints | option | made by |
|---|---|---|
| ``/v1/chat/completions``, ``/llm`` | ``--llm`` | an OpenAI-compatible server |
| the same with pictures, or a LLaVA model | ``--vision-llm``, else ``--llm`` | the same |
| the same with tools, or pictures, that the server refuses | | the sandbox |
| ``/sd``, ``/generate``, ``/generate-xl``, ``/openjourney``, ``/midjourney`` | ``--images`` | the host |
| ``/img2img``, both forms, with and without mask | ``--images`` | the host |
| ``/upscale``, ``upscale`` of ``/generate`` | ``--images`` | the host if it has an upscaler, else the sandbox |
| ``/text2gif``, ``/generate-gif``, ``/img2video`` | | the sandbox |
| ``/whisper`` | ``--speech`` | a Whisper server |
| lists of models, samplers, schedulers, LoRAs | ``--images``, ``--llm`` | the host |

``x-visioncraft-engine`` says of each answer who made it. A documented name that the host does not
know (a model, a sampler) stands for the nearest that it has; a LoRA that it lacks is refused, and
the ``refiner`` of ``/img2img`` is not used. Sides are made in multiples of 8 pixels and cut to what
was asked. The caller's key never leaves the sandbox.

When a caller hangs up, the work is ended on the server, too: the connection is closed (chat,
speech), the order is interrupted (Automatic1111, if it is the one at work) or taken out of the
queue (ComfyUI).
"""  # noqa: E501  # a table
