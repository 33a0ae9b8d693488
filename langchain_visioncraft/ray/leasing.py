"""Steps whose calls of the API each take a slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tenacity import AsyncRetrying

from langchain_visioncraft.client import AsyncVisionCraftClient
from langchain_visioncraft.document_loaders.steps import PaidCall, Step, Steps
from langchain_visioncraft.ray.limits import Slots


@dataclass(frozen=True)
class Leased(Step[Any]):
    """A call that has a slot at each attempt, and none while it waits for the next one.

    Attributes:
        call: Makes one attempt; its own client makes none again.
        client: Says what is tried again, and when.
        slots: Of this actor.
    """

    call: PaidCall[Any]
    client: AsyncVisionCraftClient
    slots: Slots

    def do(self) -> Any:
        """There are slots only where nothing blocks.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "A call with a slot waits for the slot in an event loop: drive these steps by `adrive`."
        )

    async def ado(self) -> Any:
        """Call, and call again after a failure that may pass."""
        return await self.client.retrying(AsyncRetrying)(self._attempt)

    async def _attempt(self) -> Any:
        async with self.slots.slot():
            return await self.call.ado()


def leased(steps: Steps[None], client: AsyncVisionCraftClient, slots: Slots) -> Steps[None]:
    """The same steps and outputs, with every call of the API in a slot."""
    try:
        item = next(steps)
        while True:
            if isinstance(item, PaidCall):
                item = Leased(item, client, slots)
            try:
                result = yield item
            except Exception as error:  # noqa: BLE001 -- it is for the steps to judge
                item = steps.throw(error)
            else:
                item = steps.send(result)
    except StopIteration:
        return
    finally:
        steps.close()
