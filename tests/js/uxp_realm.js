// What After Effects' UXP is beside a browser, put over a browser's page before any script of the page runs.
//
// This text runs in the page: `open` is that of after_effects.js, `setup` is for it, with besides {frames: PNGs in base64
// by number, thenable, bare}, and `domains` are those of the panel's manifest.
"use strict";

function uxpRealm(open, setup, domains) {
  const ABSENT = `TextEncoder TextDecoder TextEncoderStream TextDecoderStream EventSource RTCPeerConnection WebGLRenderingContext
    WebGL2RenderingContext OffscreenCanvas createImageBitmap ImageBitmap ImageData Worker SharedWorker indexedDB MutationObserver
    queueMicrotask structuredClone DecompressionStream CompressionStream caches ResizeObserver IntersectionObserver`.split(/\s+/);
  const PEN = `lineWidth lineJoin lineCap globalAlpha fillStyle strokeStyle createLinearGradient createRadialGradient beginPath
    closePath moveTo lineTo arc arcTo bezierCurveTo quadraticCurveTo rect stroke fill fillRect strokeRect clearRect
    constructor`.split(/\s+/);
  const later = globalThis.setTimeout;
  const problems = [];
  const files = new Map();

  for (const name of ABSENT) delete globalThis[name];
  delete HTMLTemplateElement.prototype.content;
  for (const name of Object.getOwnPropertyNames(CanvasRenderingContext2D.prototype)) {
    if (!PEN.includes(name)) delete CanvasRenderingContext2D.prototype[name];
  }
  for (const name of ["toDataURL", "toBlob", "captureStream", "transferControlToOffscreen"]) delete HTMLCanvasElement.prototype[name];
  const { getContext } = HTMLCanvasElement.prototype;
  HTMLCanvasElement.prototype.getContext = function only2d(kind) { return kind === "2d" ? getContext.call(this, kind) : null; };

  const allowed = (url) => {
    const { protocol, host } = new URL(url);
    if (!domains.includes(`${protocol}//${host}`)) throw new Error(`Permission denied to the url ${url}. Manifest entry not found.`);
  };
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = function Declared(url, protocol) {
    allowed(url);
    return new Socket(url, protocol);
  };
  globalThis.fetch = async (url) => { allowed(url); throw new Error("the panel needs no fetch"); };
  delete globalThis.XMLHttpRequest;

  /** An object of which what it has not throws, on reading too. */
  const strict = (name, members) => new Proxy(members, {
    get(target, key) {
      if (typeof key !== "symbol" && key !== "then" && !(key in target)) throw new Error(`${name} has no '${key}'`);
      return target[key];
    },
  });

  function save({ time, file, factor }) {
    const number = String(Math.round(time * setup.comp.frameRate));
    const whole = Uint8Array.from(atob(setup.frames[number]), (sign) => sign.charCodeAt(0));
    const done = new Promise((resolve) => {
      later(() => { files.set(file, whole.slice(0, 8)); }, 60);
      later(() => { files.set(file, whole.slice(0, whole.length - 6)); }, 120);
      later(() => {
        if (String(factor()) !== "1,1") problems.push(`a frame is rendered at ${factor()}`);
        files.set(file, whole);
        resolve();
      }, 200);
    });
    return setup.thenable ? strict("DeferredCall", { duration: 0, then: done.then.bind(done) }) : strict("DeferredCall", { duration: 0 });
  }

  const { globals, dump } = open(setup, save);
  const { app, CompItem, alert, confirm, ...classes } = globals;
  let module = strict("aftereffects", { app, ...classes });
  if (setup.bare) {
    module = new Proxy(app, { get: (target, key) => (key in target ? target[key] : undefined) });
    Object.assign(globalThis, classes);
  }
  let entered = 0;
  const uxp = strict("uxp", {
    host: strict("host", { name: "aftereffects", version: "27.0.0" }),
    storage: strict("storage", {
      localFileSystem: strict("localFileSystem", { getTemporaryFolder: async () => strict("folder", { nativePath: "/temporary" }) }),
    }),
    entrypoints: strict("entrypoints", {
      setup({ plugin, panels }) {
        entered += 1;
        if (entered > 1) throw new Error("entrypoints.setup was called before");
        later(() => {
          plugin.create();
          const began = performance.now();
          panels.main.show(document.body);
          if (performance.now() - began > 300) problems.push("show took more than 300 ms");
        }, 0);
      },
    }),
  });
  const fs = strict("fs", {
    async readFile(path) {
      if (!files.has(path)) throw new Error(`ENOENT: ${path}`);
      return files.get(path).slice().buffer;
    },
    async unlink(path) {
      if (!files.delete(path)) throw new Error(`ENOENT: ${path}`);
    },
  });
  globalThis.require = (name) => {
    const found = { uxp, fs, aftereffects: module }[name];
    if (!found) throw new Error(`Module not found: ${name}`);
    return found;
  };
  globalThis.afterEffects = { app, dump, problems, files, classes };
}

module.exports = { uxpRealm };
