// Runs a script for After Effects in the stand-in, in a realm of ECMAScript 3, and tells what is there afterwards.
"use strict";

const acorn = require("acorn");
const vm = require("node:vm");
const { open } = require("./after_effects.js");
const { forget } = require("./es3.js");

/** Takes {script, setup, times}, see `open`; returns what `dump(times)` tells, or {error}. */
function run({ script, setup, times }) {
  try {
    acorn.parse(script, { ecmaVersion: 3, sourceType: "script", allowReserved: "never" });
    const { globals, dump } = open(setup);
    const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } });
    forget(vm, context);
    for (const [name, value] of Object.entries(globals)) context[name] = value;
    vm.runInContext(script, context, { timeout: 20000 });
    return dump(times);
  } catch (error) {
    return { error: String(error.message) };
  }
}

module.exports = { run };
