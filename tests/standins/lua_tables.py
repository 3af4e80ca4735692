"""Fusion's text evaluated by Lua itself, a reader that shares nothing with the product's. For our own text alone."""

from __future__ import annotations

from typing import Any

import lupa

Plain = Any
"""A number, a text, a truth, or (constructor, {key: Plain})."""

_SANDBOX = """
os, io, package, require, dofile, loadfile, load, python, debug = nil
local function constructor(name)
  local made = {}
  return setmetatable(made, {
    __call = function(_, table) rawset(table, "__kind", name); return table end,
    __index = function(_, part) return constructor(name .. "." .. part) end,
  })
end
ordered = function() return function(table) return table end end
setmetatable(_G, {__index = function(_, name) return constructor(name) end})
"""


def evaluate(text: str) -> Plain:
    """Return what a text of Fusion's means to Lua; raises lupa.LuaError for text that is none."""
    lua = lupa.LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    lua.execute(_SANDBOX)
    return _plain(lua.execute("return " + text.rstrip("\0")))


def _plain(value: Any) -> Plain:  # noqa: ANN401 - what Lua hands out
    if lupa.lua_type(value) != "table":
        return value
    fields = dict(value.items())
    return fields.pop("__kind", ""), {key: _plain(each) for key, each in fields.items()}
