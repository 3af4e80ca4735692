from typing import Any

class Renderer:
    def render(self, options: dict[str, Any]) -> None: ...
