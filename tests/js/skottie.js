// Draws frames of a Lottie file by Skottie, the player in Skia.
"use strict";

const path = require("node:path");

const MODULE = require.resolve("canvaskit-wasm/bin/full/canvaskit.js");
let kit = null;

/** Takes {text, frames, width, height}; returns the alpha of each frame, row by row, in base64. */
async function run({ text, frames, width, height }) {
  kit ??= await require(MODULE)({ locateFile: (file) => path.join(path.dirname(MODULE), file) });
  const animation = kit.MakeManagedAnimation(text);
  if (!animation) throw new Error("Skottie refuses this file");
  const surface = kit.MakeSurface(width, height);
  const canvas = surface.getCanvas();
  const form = {
    width, height, colorType: kit.ColorType.RGBA_8888, alphaType: kit.AlphaType.Unpremul, colorSpace: kit.ColorSpace.SRGB,
  };
  const drawn = frames.map((frame) => {
    canvas.clear(kit.TRANSPARENT);
    animation.seekFrame(frame);
    animation.render(canvas, kit.LTRBRect(0, 0, width, height));
    const pixels = canvas.readPixels(0, 0, form);
    const alpha = Buffer.alloc(width * height);
    for (let k = 0; k < alpha.length; k += 1) alpha[k] = pixels[4 * k + 3];
    return alpha.toString("base64");
  });
  animation.delete();
  surface.delete();
  return drawn;
}

module.exports = { run };
