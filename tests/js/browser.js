// One page in one headless Chromium, for all that a browser draws here.
"use strict";

const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"];
let opened = null;

/** Returns the page, empty and of a size. */
async function blank(executablePath, width, height) {
  if (!opened) {
    const browser = await chromium.launch({ executablePath, args: FLAGS });
    const page = await browser.newPage();
    opened = { browser, page };
  }
  const { page } = opened;
  await page.setViewportSize({ width, height });
  await page.setContent('<body style="margin:0"></body>');
  return page;
}

/** Returns a PNG of the page with alpha, in base64. */
async function picture(page) {
  return (await page.screenshot({ omitBackground: true })).toString("base64");
}

async function close() {
  await opened?.browser.close();
}

module.exports = { blank, picture, close };
