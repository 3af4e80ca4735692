// The hosts of the panel: After Effects by UXP, After Effects by CEP, and a browser alone.
(function (rotolink) {
  "use strict";

  const PNG_BEGIN = [137, 80, 78, 71, 13, 10, 26, 10];
  const PNG_END = [0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130];
  const RENDER_MS = 120000; // one cold 4K frame took over 15 s
  const LOOK_MS = 50;

  /** Whether bytes are a PNG file that was written to its end; the size alone says nothing. */
  function isWhole(bytes) {
    return bytes.length > 20 && PNG_BEGIN.every((byte, k) => bytes[k] === byte) &&
      PNG_END.every((byte, k) => bytes[bytes.length - PNG_END.length + k] === byte);
  }

  function pause(ms) {
    return new Promise((resolve) => { setTimeout(resolve, ms); });
  }

  /** Reads a file again and again until it is a whole PNG. */
  async function wholePng(read) {
    for (let waited = 0; waited < RENDER_MS; waited += LOOK_MS) {
      const bytes = await read();
      if (bytes && isWhole(bytes)) return bytes;
      await pause(LOOK_MS);
    }
    throw new Error("After Effects did not render the frame within two minutes: render it by hand to see why.");
  }

  /** What After Effects has for both kinds of panel; `ask(what, args)` runs rotoHost. */
  class AfterEffects {
    constructor() {
      this.name = "After Effects";
      this._given = null;
    }

    async plate(how) {
      this._given = await this.ask("plate", how || null);
      return this._given;
    }

    async frame() {
      return this._given ? this.ask("frame", { start: this._given.start }) : 0;
    }

    async showFrame(frame) {
      if (this._given) await this.ask("showFrame", { start: this._given.start, frame });
    }

    /** Does a rendering with every pixel; it goes on after the call, so the composition is put back at the end. */
    async finely(what) {
      const factor = await this.ask("resolution", { factor: [1, 1] });
      try {
        return await what();
      } finally {
        await this.ask("resolution", { factor });
      }
    }

    async apply(data, { onLayer, names }) {
      const { layer, start } = this._given;
      const done = await this.ask("apply", { layer, start, onLayer, names, data });
      return done.notes;
    }

    async readMasks(names) {
      return this.ask("read", { start: this._given.start, names });
    }
  }

  /** After Effects 27 and later: UXP has the document model in place. */
  class Uxp extends AfterEffects {
    constructor(require) {
      super();
      this._module = require("aftereffects");
      this._fs = require("fs");
      this._storage = require("uxp").storage;
      const app = this._module.app || this._module;
      const get = (name) => this._module[name] || app[name] || globalThis[name];
      this.name = `After Effects ${app.version || ""}`.trim();
      this._env = {
        app, layer: null,
        isComp: (item) => Boolean(item) && "layers" in item && "frameDuration" in item,
        fileOf: (source) => (source && "file" in source && source.file) || "",
        save: (comp, time, file) => comp.saveFrameToPng(time, file),
        confirm: () => true,
      };
      for (const name of ["Shape", "MaskMode", "KeyframeInterpolationType", "MaskFeatherFalloff", "TrackMatteType"]) {
        this._env[name] = get(name);
        if (!this._env[name] && name !== "TrackMatteType") throw new Error(`This After Effects has no ${name} for panels: update it.`);
      }
    }

    async ask(what, args) {
      return rotoHost(this._env, what, args);
    }

    async render(frame) {
      const folder = await this._storage.localFileSystem.getTemporaryFolder();
      const file = `${folder.nativePath}/rotolink-${Date.now()}-${frame}.png`;
      try {
        return await this.finely(async () => {
          const done = await this.ask("save", { start: this._given.start, frame, file });
          if (done && typeof done.then === "function") await done;
          return wholePng(async () => {
            try {
              return new Uint8Array(await this._fs.readFile(file));
            } catch (error) {
              return null; // not there yet
            }
          });
        });
      } finally {
        try { await this._fs.unlink(file); } catch (error) { /* the folder is a temporary one */ }
      }
    }
  }

  /** After Effects 24 to 26: a CEP panel, which hands text to ExtendScript. */
  class Cep extends AfterEffects {
    constructor(bridge, files, script) {
      super();
      this._bridge = bridge;
      this._files = files;
      this._script = script;
      this._count = 0;
    }

    /** Runs rotoHost in ExtendScript: by a file, for a long text holds the host up. */
    ask(what, args) {
      const folder = this._bridge.getSystemPath("userData");
      const file = `${folder}/rotolink-${Date.now()}-${this._count}.jsx`;
      this._count += 1;
      const text = ascii(`(function () {\n${this._script}\nvar env = {app: app, Shape: Shape, MaskMode: MaskMode,` +
        "KeyframeInterpolationType: KeyframeInterpolationType, MaskFeatherFalloff: MaskFeatherFalloff, layer: null," +
        "TrackMatteType: typeof TrackMatteType === \"undefined\" ? null : TrackMatteType," +
        "isComp: function (item) { return item instanceof CompItem; }," +
        "fileOf: function (source) { return source.mainSource && source.mainSource.file ? source.mainSource.file.fsName : \"\"; }," +
        "save: function (comp, time, file) { comp.saveFrameToPng(time, new File(file)); return null; }," +
        "confirm: function () { return true; }};\n" +
        `try { return "+" + rotoText(rotoHost(env, ${JSON.stringify(what)}, ${JSON.stringify(args)})); }\n` +
        "catch (error) { return \"-\" + rotoText(error.message || String(error)); }\n}());\n");
      if (this._files.writeFile(file, text).err !== 0) {
        return Promise.reject(new Error(`The folder ${folder} cannot be written: panels need it to talk to After Effects.`));
      }
      return new Promise((resolve, reject) => {
        this._bridge.evalScript(`$.evalFile(${JSON.stringify(file)})`, (answer) => {
          this._files.deleteFile(file);
          try {
            if (answer[0] === "+") resolve(JSON.parse(answer.slice(1)));
            else reject(new Error(answer[0] === "-" ? JSON.parse(answer.slice(1)) : "After Effects did not run the panel's script."));
          } catch (error) {
            reject(new Error("After Effects gave an answer that cannot be read."));
          }
        });
      });
    }

    async render(frame) {
      const file = `${this._bridge.getSystemPath("userData")}/rotolink-${Date.now()}-${frame}.png`;
      try {
        return await this.finely(async () => {
          await this.ask("save", { start: this._given.start, frame, file });
          return wholePng(async () => {
            const got = this._files.readFile(file, "Base64");
            return got.err === 0 ? fromBase64(got.data) : null;
          });
        });
      } finally {
        this._files.deleteFile(file);
      }
    }
  }

  /** A browser alone: the plate is named by its path, and shapes leave as files. */
  class Page {
    constructor(askPath, saveFile) {
      this.name = "a .jsx file";
      this._askPath = askPath;
      this._saveFile = saveFile;
    }

    async plate() {
      const path = this._askPath().trim();
      if (!path) throw new Error("Write the plate's path first, such as /shots/plate.####.exr.");
      return { key: path, name: path.split(/[\\/]/).pop(), path };
    }

    async apply(data) {
      const script = `${rotolink.applyRotoText}\n${PAGE_SCRIPT}`.replace("DATA_HERE", () => ascii(JSON.stringify(data)));
      this._saveFile(`${data.name.replace(/[^\w.-]+/g, "_")}.jsx`, script);
      return ["Run it in After Effects by File > Scripts > Run Script File."];
    }

    async readMasks() {
      throw new Error("A page has no masks to read: open the panel inside After Effects.");
    }
  }

  const PAGE_SCRIPT = "(function () {\nvar DATA = DATA_HERE;\nvar env = {app: app, Shape: Shape, MaskMode: MaskMode, " +
    "KeyframeInterpolationType: KeyframeInterpolationType, MaskFeatherFalloff: MaskFeatherFalloff, layer: null, " +
    "TrackMatteType: typeof TrackMatteType === \"undefined\" ? null : TrackMatteType, " +
    "isComp: function (item) { return item instanceof CompItem; }, confirm: function (question) { return confirm(question); }};\n" +
    "try {\n    var done = applyRoto(env, DATA);\n    if (done.notes.length) { alert(done.notes.join(\"\\n\")); }\n" +
    "} catch (error) { alert(error.message || String(error)); }\n}());\n";

  /** Text of ASCII alone: other signs as JavaScript writes them. */
  function ascii(text) {
    return text.replace(/[\u0080-\uffff]/g, (sign) => `\\u${(`000${sign.charCodeAt(0).toString(16)}`).slice(-4)}`);
  }

  function fromBase64(text) {
    const raw = atob(text);
    return Uint8Array.from(raw, (sign) => sign.charCodeAt(0));
  }

  rotolink.hosts = { Uxp, Cep, Page, isWhole };
}(globalThis.Rotolink = globalThis.Rotolink || {}));
