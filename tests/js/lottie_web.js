// Draws frames of a Lottie file by lottie-web in a headless Chromium, as web pages show it.
"use strict";

const { blank, picture, close } = require("./browser.js");

const PLAYER = require.resolve("lottie-web/build/player/lottie_svg.min.js");

/** Takes {text, frames, width, height, chromium}; returns a PNG with alpha of each frame, in base64. */
async function run({ text, frames, width, height, chromium }) {
  const page = await blank(chromium, width, height);
  if (!(await page.evaluate(() => "lottie" in globalThis))) await page.addScriptTag({ path: PLAYER });
  await page.evaluate(async ([file, w, h]) => {
    const container = document.body.appendChild(document.createElement("div"));
    Object.assign(container.style, { width: `${w}px`, height: `${h}px` });
    const options = { container, renderer: "svg", loop: false, autoplay: false, animationData: JSON.parse(file) };
    globalThis.animation = lottie.loadAnimation(options);
    if (!animation.isLoaded) await new Promise((resolve) => { animation.addEventListener("DOMLoaded", resolve); });
  }, [text, width, height]);
  const drawn = [];
  for (const frame of frames) {
    await page.evaluate((at) => animation.goToAndStop(at, true), frame);
    drawn.push(await picture(page));
  }
  await page.evaluate(() => animation.destroy());
  return drawn;
}

module.exports = { run, close };
