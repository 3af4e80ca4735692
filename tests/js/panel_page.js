// The panel in headless Chromium: as a page of the daemon, in the realm of UXP, or in that of CEP. One at a time.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { uxpRealm } = require("./uxp_realm.js");
const { cepPage, ExtendScript } = require("./cep_realm.js");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--allow-file-access-from-files"];
const STANDIN = fs.readFileSync(path.join(__dirname, "after_effects.js"), "utf8");
let browser = null;
let here = null;

function uxpScript(setup, domains) {
  return `(function () {
const module = {exports: {}};
(function (module, structuredClone) {${STANDIN}\n}(module, globalThis.structuredClone));
(${uxpRealm})(module.exports.open, ${JSON.stringify(setup)}, ${JSON.stringify(domains)});
}());`;
}

const COMMANDS = {
  async open({ executablePath, url, realm, setup, domains, size }) {
    browser ??= await chromium.launch({ executablePath, args: FLAGS });
    if (here && !here.realm && !realm) { // the same bare page serves again
      for (const list of [here.errors, here.downloads]) list.length = 0;
      await here.page.setViewportSize({ width: size[0], height: size[1] });
      await here.page.goto(url);
      return;
    }
    await here?.context.close();
    const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, acceptDownloads: true });
    const page = await context.newPage();
    here = { realm, context, page, errors: [], downloads: [], host: null };
    const { errors, downloads } = here;
    page.on("pageerror", (error) => { errors.push(String(error.stack ?? error)); });
    page.on("dialog", (dialog) => { errors.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on("download", async (download) => {
      const text = fs.readFileSync(await download.path(), "utf8");
      downloads.push({ name: download.suggestedFilename(), text });
    });
    if (realm === "uxp") await page.addInitScript({ content: uxpScript(setup, domains) });
    if (realm === "cep") {
      here.host = new ExtendScript(setup);
      await page.exposeFunction("evalInHost", (script, files) => here.host.eval(script, files));
      await page.addInitScript(cepPage);
    }
    await page.goto(url);
  },
  /** A real mouse over the plate: at, or from at to `to` with the button held; in plate pixels. */
  async mouse({ at, to, alt, plate }) {
    const { page } = here;
    const box = await page.locator("#picture").boundingBox();
    const place = ([x, y]) => [box.x + (x / plate[0]) * box.width, box.y + (y / plate[1]) * box.height];
    if (alt) await page.keyboard.down("Alt");
    await page.mouse.move(...place(at));
    await page.mouse.down();
    if (to) await page.mouse.move(...place(to), { steps: 4 });
    await page.mouse.up();
    if (alt) await page.keyboard.up("Alt");
    return box;
  },
  press: ({ id }) => here.page.click(`#${id}`, { timeout: 10000 }),
  key: ({ name }) => here.page.keyboard.press(name),
  type: ({ id, text }) => here.page.fill(`#${id}`, text),
  choose: async ({ id, value }) => { await here.page.selectOption(`#${id}`, value); },
  evaluate: ({ code }) => here.page.evaluate(code),
  host: ({ code }) => here.host.run(code),
  dump: ({ times }) => (here.host ? here.host.dump(times) : here.page.evaluate((each) => globalThis.afterEffects.dump(each), times)),
  errors: () => here.errors,
  downloads: () => here.downloads,
  box: ({ id }) => here.page.locator(`#${id}`).boundingBox(),
  screenshot: async () => (await here.page.screenshot()).toString("base64"),
  async wait({ code, patience }) {
    const until = Date.now() + patience;
    for (;;) {
      if (await here.page.evaluate(code)) return true;
      if (Date.now() > until) return false;
      await new Promise((resolve) => { setTimeout(resolve, 25); });
    }
  },
};

async function run(job) {
  return (await COMMANDS[job.do](job)) ?? null;
}

async function close() {
  await browser?.close();
}

module.exports = { run, close };
