// Draws frames of an animated SVG in a headless Chromium.
"use strict";

const { blank, picture, close } = require("./browser.js");

/** Takes {text, times, width, height, chromium}, times in seconds; returns a PNG with alpha of each, in base64. */
async function run({ text, times, width, height, chromium }) {
  const page = await blank(chromium, width, height);
  await page.evaluate((file) => {
    const read = new DOMParser().parseFromString(file, "image/svg+xml").documentElement;
    if (read.nodeName !== "svg") throw new Error("no SVG");
    read.style.display = "block";
    globalThis.drawing = document.body.appendChild(document.adoptNode(read));
    drawing.pauseAnimations();
  }, text);
  const drawn = [];
  for (const time of times) {
    await page.evaluate((at) => drawing.setCurrentTime(at), time);
    drawn.push(await picture(page));
  }
  return drawn;
}

module.exports = { run, close };
