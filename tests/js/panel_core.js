// The panel's core in Node.js: bytes and values in, values and bytes out; bytes travel as base64.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const SCRIPT = path.join(__dirname, "../../plugins/aftereffects_uxp/panel.js");

/** Returns what the panel's script defines, without a page round it. */
function load() {
  if (!globalThis.Rotolink) vm.runInThisContext(fs.readFileSync(SCRIPT, "utf8"), { filename: "panel.js" });
  return globalThis.Rotolink;
}

const fromBase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));
const base64 = (bytes) => Buffer.from(bytes).toString("base64");

/** Bytes are {base64}, and numbers that JSON has none for are {number: text}. */
function revived(value) {
  if (Array.isArray(value)) return value.map(revived);
  if (!value || typeof value !== "object") return value;
  if ("base64" in value) return fromBase64(value.base64);
  if ("number" in value) return Number(value.number);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, revived(each)]));
}

function plain(value) {
  if (value instanceof Uint8Array) return { base64: base64(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
}

const CALLS = {
  pack: (core, { value }) => base64(core.bytes.pack(revived(value))),
  unpack: (core, { data }) => plain(core.bytes.unpack(fromBase64(data))),
  inflate: (core, { data, size }) => base64(core.bytes.inflate(fromBase64(data), size)),
  runs: (core, { matte, scale }) => core.shapes.runs(revived(matte), scale),
  withEdits: (core, { shapes, masks, plate }) => core.shapes.withEdits(shapes, masks, plate),
  applyData: (core, { shapes, plate }) => core.shapes.applyData(plate, shapes, "Rotolink disc"),
  isWhole: (core, { data }) => core.hosts.isWhole(fromBase64(data)),
};

/** Takes a list of [call, argument]; answers each by {gives} or {error}. */
function run(jobs) {
  const core = load();
  return jobs.map(([call, argument]) => {
    try {
      return { gives: CALLS[call](core, argument) };
    } catch (error) {
      return { error: String(error.message), kind: error.constructor.name };
    }
  });
}

module.exports = { run, load };
