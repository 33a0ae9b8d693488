"""Servers behind the VisionCraft API, in place of the sandbox's small models.

They make what their options say, but for GIFs and videos; chats whose tools or pictures a server
refuses, and enlargements where a host has no upscaler, are left to the sandbox.

``x-visioncraft-engine`` names the engine of each answer. If the host lacks a documented model or
sampler, the nearest one that it has is used; an unknown LoRA is refused, and the ``refiner`` of
``/img2img`` is ignored. Pictures are made in multiples of 8 pixels and cut to the requested size.
The caller's key never leaves the sandbox.

When a caller hangs up, the work on the server ends, too: the connection is closed (chat, speech),
or the task is interrupted (Automatic1111, ComfyUI) or removed from the queue (ComfyUI).
"""
