// Draws frames of a Lottie file by lottie-web in a headless Chromium, as web pages show it.
"use strict";

const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"];
let opened = null;

async function open(executablePath) {
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  const page = await browser.newPage();
  await page.setContent('<body style="margin:0"><div id="comp"></div></body>');
  await page.addScriptTag({ path: require.resolve("lottie-web/build/player/lottie_svg.min.js") });
  return { browser, page };
}

/** Takes {text, frames, width, height, chromium}; returns a PNG with alpha of each frame, in base64. */
async function run({ text, frames, width, height, chromium: executablePath }) {
  opened ??= await open(executablePath);
  const { page } = opened;
  await page.setViewportSize({ width, height });
  await page.evaluate(async ([file, w, h]) => {
    lottie.destroy();
    const container = document.getElementById("comp");
    Object.assign(container.style, { width: `${w}px`, height: `${h}px` });
    const options = { container, renderer: "svg", loop: false, autoplay: false, animationData: JSON.parse(file) };
    globalThis.animation = lottie.loadAnimation(options);
    if (!animation.isLoaded) await new Promise((resolve) => { animation.addEventListener("DOMLoaded", resolve); });
  }, [text, width, height]);
  const drawn = [];
  for (const frame of frames) {
    await page.evaluate((at) => animation.goToAndStop(at, true), frame);
    drawn.push((await page.screenshot({ omitBackground: true })).toString("base64"));
  }
  return drawn;
}

async function close() {
  await opened?.browser.close();
}

module.exports = { run, close };
