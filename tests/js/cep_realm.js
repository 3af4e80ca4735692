// A CEP panel's two ends: what its page is given, and an ExtendScript that is one realm of ECMAScript 3.
"use strict";

const acorn = require("acorn");
const vm = require("node:vm");
const { open } = require("./after_effects.js");
const { forget } = require("./es3.js");

/** Runs in the page before its scripts. Files are text of their paths, and go along with each script. */
function cepPage() {
  const files = {};
  globalThis.cep = {
    fs: {
      writeFile(path, text) { files[path] = String(text); return { err: 0 }; },
      readFile(path) { return path in files ? { err: 0, data: files[path] } : { err: 3 }; },
      deleteFile(path) { delete files[path]; return { err: 0 }; },
    },
  };
  globalThis.__adobe_cep__ = {
    getSystemPath(kind) { if (kind !== "userData") throw new Error(`no path ${kind}`); return "/user"; },
    evalScript(script, done) {
      if (script.length > 500) throw new Error("a long script holds the host up");
      globalThis.evalInHost(script, { ...files }).then(done);
    },
  };
  globalThis.cepFiles = files;
}

class ExtendScript {
  constructor(setup) {
    const { globals, dump } = open(setup);
    this.dump = dump;
    this.files = {};
    this.context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } });
    forget(vm, this.context);
    for (const [name, value] of Object.entries(globals)) this.context[name] = value;
    this.context.$ = Object.freeze({ evalFile: (path) => this.run(this.files[path]) });
  }
  run(script) {
    acorn.parse(script, { ecmaVersion: 3, sourceType: "script", allowReserved: "never" });
    if (/[^\x00-\x7f]/.test(script)) throw new Error("a script with signs that a file's encoding may break");
    return vm.runInContext(script, this.context, { timeout: 20000 });
  }
  /** Returns the script's value as CEP hands it over: text. */
  eval(script, files) {
    this.files = files;
    try {
      return String(this.run(script));
    } catch (error) {
      return "EvalScript error.";
    }
  }
}

module.exports = { cepPage, ExtendScript };
