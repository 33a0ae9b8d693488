"""The VisionCraft API on your own machine, for tests, demos and work without a key.

```python
from visioncraft_sandbox import Sandbox

with Sandbox(models=False) as sandbox:
    print(sandbox.url)
```

On the command line: ``visioncraft sandbox``. ``pip install 'langchain-visioncraft[sandbox]'``
installs the sandbox, and ``visioncraft setup`` the weights of its models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_visioncraft._lazy import lazy_names

if TYPE_CHECKING:
    from visioncraft_sandbox.app import create_app
    from visioncraft_sandbox.faults import Fault
    from visioncraft_sandbox.server import Sandbox
    from visioncraft_sandbox.settings import Limit, SandboxConfig

__all__ = ["Fault", "Limit", "Sandbox", "SandboxConfig", "create_app"]

_get, _ = lazy_names(
    __name__,
    {
        "Fault": "faults",
        "Limit": "settings",
        "Sandbox": "server",
        "SandboxConfig": "settings",
        "create_app": "app",
    },
)


def __getattr__(name: str) -> Any:
    try:
        return _get(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("langchain_visioncraft"):
            raise
        msg = (
            f"The sandbox needs the package {error.name!r}: "
            "pip install 'langchain-visioncraft[sandbox]'"
        )
        raise ImportError(msg) from error


def __dir__() -> list[str]:
    return __all__
