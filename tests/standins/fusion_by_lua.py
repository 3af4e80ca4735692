"""What Fusion shows of our masks, by Lua and the rules of its documents, sharing nothing with the product."""

from __future__ import annotations

from typing import Any

import lua_tables


class Fusion:
    """What Fusion shows of our text: evaluated by Lua, moved and placed by the rules of its own documents."""

    def __init__(self, text: str) -> None:
        _, root = lua_tables.evaluate(text)
        self.tools: dict[str, Any] = root["Tools"][1]

    def masks(self) -> list[str]:
        """Return the masks from the first of the chain."""
        below = {
            name: self.inputs(name).get("EffectMask", ("", {}))[1].get("SourceOp", "")
            for name, (kind, _) in self.tools.items()
            if kind == "PolylineMask"
        }
        chain = [name for name, under in below.items() if not under]
        while len(chain) < len(below):
            chain += [name for name, under in below.items() if under == chain[-1]]
        return chain

    def inputs(self, mask: str) -> dict[str, Any]:
        found: dict[str, Any] = self.tools[mask][1]["Inputs"][1]
        return found

    def level(self, mask: str, frame: int) -> float:
        value = self.inputs(mask)["Level"][1]
        if "SourceOp" not in value:
            return float(value["Value"])
        keys = {time: key[1] for time, key in self.tools[value["SourceOp"]][1]["KeyFrames"][1].items()}
        before = [time for time in keys if time <= frame] or [min(keys)]
        assert all(key["Flags"][1]["StepIn"] for key in keys.values())
        return float(keys[max(before)][1])

    def outline(self, mask: str, frame: float) -> list[tuple[float, float]]:
        """Return points, each with the tips of its handles, in pixels from the top left."""
        inputs = self.inputs(mask)
        width, height = (inputs[side][1]["Value"] for side in ("MaskWidth", "MaskHeight"))
        line = inputs["Polyline"][1]
        if "SourceOp" not in line:
            rows = self._rows(line["Value"])
        else:
            keys = self.tools[line["SourceOp"]][1]["KeyFrames"][1]
            times = sorted(keys)
            assert [keys[time][1][1] for time in times] == list(range(len(times)))
            frame = min(max(frame, times[0]), times[-1])
            start = max(time for time in times if time <= frame)
            end = min((time for time in times if time > frame), default=start)
            share = (frame - start) / (end - start) if end > start else 0.0
            both = (self._rows(keys[time][1]["Value"]) for time in (start, end))
            rows = [[a + (b - a) * share for a, b in zip(p, q)] for p, q in zip(*both)]
        outline = []
        for x, y, lx, ly, rx, ry in rows:
            for dx, dy in ((0, 0), (lx, ly), (rx, ry)):
                outline.append(((x + dx + 0.5) * width, (0.5 - y - dy) * height))
        return outline

    @staticmethod
    def _rows(polyline: Any) -> list[list[float]]:  # noqa: ANN401 - a plain value of Lua's
        kind, fields = polyline
        assert kind == "Polyline"
        assert fields["Closed"]
        points = fields["Points"][1]
        return [[points[k][1][key] for key in ("X", "Y", "LX", "LY", "RX", "RY")] for k in sorted(points)]
