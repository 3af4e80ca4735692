// How long the panel's own routine takes to put many masks into the stand-in, in milliseconds.
"use strict";

const { open } = require("./after_effects.js");
const { load } = require("./panel_core.js");

function run({ masks, keys, points }) {
  load();
  const size = { width: 1920, height: 1080, pixelAspect: 1, frameRate: 24 };
  const { globals, dump } = open({ comp: { ...size, duration: keys / 24 }, layers: [{ name: "plate", ...size }], selected: [0] });
  const made = (name) => ({
    name, colour: [1, 0, 0], cuts: false, feather: [], frames: Array.from({ length: keys }, (_, k) => k), shown: [[0, 100]],
    outlines: Array.from({ length: keys }, (_, k) => Array.from({ length: 6 * points }, (__, n) => n + k / 7)),
  });
  const names = Array.from({ length: masks }, (_, k) => `mask${k}`);
  const data = () => ({ name: "plate", madeBy: "", ...size, firstFrame: 1, frameCount: keys, masks: names.map(made) });
  const env = { ...globals, layer: null, isComp: (item) => item instanceof globals.CompItem };
  const took = [[], names].map((old) => {
    const args = { layer: "plate", start: 0, onLayer: true, names: old, data: data() };
    const began = performance.now();
    globalThis.rotoHost(env, "apply", args);
    return performance.now() - began;
  });
  const [layer] = dump([0]).layers;
  return { took, masks: layer.masks.length, keys: layer.masks[0].keys["ADBE Mask Shape"].length };
}

module.exports = { run };
