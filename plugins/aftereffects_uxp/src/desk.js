// An artist's work in a panel, without its window: the daemon on one side, a host on the other.
//
// A host has: name, plate() -> {key, name, path?, firstFrame?, width, height, frames, frameRate, pixelAspect, why?},
// frame() / showFrame(n) counted from the plate's first as 0, render(n) -> PNG bytes where there is no path,
// apply(data, {onLayer, names}) -> notes, readMasks(names) -> masks. All may be asynchronous, and throw sentences.
(function (rotolink) {
  "use strict";

  const COLOURS = [[1, 0.3, 0.26], [0.22, 0.72, 1], [0.55, 0.86, 0.28], [1, 0.72, 0.16], [0.8, 0.48, 1], [0.16, 0.86, 0.74]];
  const MOST_MATTES = 600;
  const PIECE = 1 << 20;
  const MOST_STEPS = 200;

  class Desk {
    /** @param {any} host @param {() => void} changed called after the state has changed */
    constructor(host, changed) {
      this.host = host;
      this.connection = null;
      this._changed = changed;
      this._pictures = new Map();
      this._sent = new Map();
      this._undo = [];
      this._redo = [];
      this._waiting = Promise.resolve();
      this.state = {
        link: "none", said: "", isError: false, plate: null, engine: "", engines: [], frame: 0, objects: [], current: 0,
        work: null, tolerance: 1, points: 0, onLayer: true, canUndo: false, canRedo: false,
      };
    }

    get current() {
      return this.state.objects.find((each) => each.key === this.state.current) || null;
    }

    connect(url, world) {
      if (this.connection) this.connection.close();
      this.connection = new rotolink.Connection(url, (link, said) => this._linked(link, said), world);
      this.connection.open();
    }

    close() {
      if (this.connection) this.connection.close();
    }

    /** Opens the plate of what is selected in the host. */
    async openPlate() {
      await this._do("Opening the plate", async () => {
        const given = await this.host.plate();
        const source = given.path
          ? { path: { path: given.path, ...(given.firstFrame === undefined ? {} : { first_frame: given.firstFrame }) } }
          : { upload: uploadOf(given) };
        let opened;
        try {
          opened = await this.connection.call("PlateService/OpenPlate", source);
        } catch (error) {
          if (!given.path || !this.host.render) throw error;
          const rendered = await this.host.plate({ rendered: true });
          opened = await this.connection.call("PlateService/OpenPlate", { upload: uploadOf(rendered) });
          Object.assign(given, rendered, { path: "", why: `The daemon cannot see ${given.path}: frames are sent instead.` });
        }
        const session = await this.connection.call("SessionService/OpenSession", { plate_id: opened.plate_id, engine: this.state.engine });
        this._given = given;
        this._plateId = opened.plate_id;
        this._session = session.session_id;
        this._sent = new Map();
        this._pictures.clear();
        this._undo = [];
        this._redo = [];
        const plate = { ...opened.plate, name: given.name || opened.plate.name };
        Object.assign(this.state, { plate, engine: session.engine, objects: [], current: 0, frame: plate.frames.first });
        await this.followHost();
        const size = `${plate.width}x${plate.height}, ${plate.frames.first}-${plate.frames.last}`;
        this._say(given.path ? `${plate.name}: ${size}.` : `${given.why || "Frames are sent to the daemon."} (${size})`);
      });
    }

    /** Works on with another engine. */
    async useEngine(name) {
      this.state.engine = name;
      if (this.state.plate) await this.openPlate();
      else this._changed();
    }

    // Looking

    async goTo(frame) {
      const { plate } = this.state;
      if (!plate) return;
      this.state.frame = Math.min(Math.max(Math.round(frame), plate.frames.first), plate.frames.last);
      this._changed();
      if (this.host.showFrame) await this._quietly(() => this.host.showFrame(this.state.frame - plate.frames.first));
    }

    async followHost() {
      const { plate } = this.state;
      if (!plate || !this.host.frame) return;
      let at;
      try {
        at = plate.frames.first + (await this.host.frame());
      } catch (error) {
        return; // no composition is open just now: there is nothing to follow
      }
      if (at !== this.state.frame && at >= plate.frames.first && at <= plate.frames.last) {
        this.state.frame = at;
        this._changed();
      }
    }

    /** Returns the JPEG of the current frame, or null while it comes. */
    picture(longest) {
      const { plate, frame } = this.state;
      if (!plate) return null;
      const key = `${frame}/${longest}`;
      if (!this._pictures.has(key)) {
        if (this._pictures.size > 24) this._pictures.delete(this._pictures.keys().next().value);
        this._pictures.set(key, null);
        this._quietly(async () => {
          await this._send([frame]);
          const got = await this.connection.call("PlateService/ReadPicture", { plate_id: this._plateId, frame, longest_px: longest });
          this._pictures.set(key, got.jpeg);
          this._changed();
        }); // one that fails is asked for again when the daemon is back or the plate is opened, not at once for ever
      }
      return this._pictures.get(key) || null;
    }

    /** Returns an object's matte on the current frame, or null. */
    matte(object) {
      return object.mattes.get(this.state.frame) || null;
    }

    // Pointing

    addObject(name = "") {
      const key = this.state.objects.reduce((most, each) => Math.max(most, each.key), 0) + 1;
      const taken = new Set(this.state.objects.map((each) => each.name));
      let free = name.trim() || `object${key}`;
      for (let n = 2; taken.has(free); n += 1) free = `${name.trim() || `object${key}`}_${n}`;
      const object = {
        key, id: 0, name: free, colour: COLOURS[(key - 1) % COLOURS.length], visible: true, prompts: {}, versions: {}, found: {}, mattes: new Map(),
        shapes: [], written: [], stale: true,
      };
      this.state.objects.push(object);
      this.state.current = key;
      this._changed();
      return object;
    }

    select(key) {
      this.state.current = key;
      this._changed();
    }

    show(key, visible) {
      this.state.objects.find((each) => each.key === key).visible = visible;
      this._changed();
    }

    async remove(key) {
      const object = this.state.objects.find((each) => each.key === key);
      this.state.objects = this.state.objects.filter((each) => each !== object);
      if (this.state.current === key) this.state.current = this.state.objects.length ? this.state.objects[0].key : 0;
      this._changed();
      if (object && object.id) {
        await this._do("", () => this.connection.call("SessionService/RemoveObject", { session_id: this._session, object_id: object.id }));
      }
    }

    click(x, y, foreground = true) {
      const object = this._pointed();
      if (!object) return Promise.resolve();
      const before = object.prompts[this.state.frame] || { points: [] };
      return this._point(object, { ...before, points: [...before.points, { x, y, foreground }] });
    }

    box(x0, y0, x1, y1) {
      const object = this._pointed();
      const box = { x0: Math.min(x0, x1), y0: Math.min(y0, y1), x1: Math.max(x0, x1), y1: Math.max(y0, y1) };
      if (!object || box.x1 - box.x0 < 1 || box.y1 - box.y0 < 1) return Promise.resolve();
      const before = object.prompts[this.state.frame] || { points: [] };
      return this._point(object, { ...before, box });
    }

    clear() {
      const object = this.current;
      if (!object || !object.prompts[this.state.frame]) return Promise.resolve();
      return this._point(object, null);
    }

    undo() { return this._step(this._undo, this._redo); }

    redo() { return this._step(this._redo, this._undo); }

    // Following, fitting, applying

    /** @param {"forward"|"backward"|"both"} way */
    track(way = "both") {
      const object = this.current;
      const prompted = object ? Object.keys(object.prompts).map(Number) : [];
      if (!object || !prompted.length) return this._refuse("Point at the object on some frame first: there is nothing to follow yet.");
      const { frames } = this.state.plate;
      const known = [...prompted, ...Object.keys(object.found).map(Number)];
      const here = this.state.frame;
      const runs = [];
      if (way !== "backward") {
        const start = Math.max(...known.filter((each) => each <= here), Math.min(...known));
        runs.push([start, frames.last, "DIRECTION_FORWARD"]);
      }
      if (way !== "forward") {
        const later = known.filter((each) => each >= here);
        runs.push([frames.first, later.length ? Math.min(...later) : Math.max(...known), "DIRECTION_BACKWARD"]);
      }
      return this._do(`Tracking ${object.name}`, async (work) => {
        const total = runs.reduce((sum, [first, last]) => sum + last - first + 1, 0);
        let before = 0;
        for (const [first, last, direction] of runs) {
          await this._send(range(first, last), work);
          await this._follow(object, { first, last }, direction, work, before, total);
          before += last - first + 1;
        }
        object.stale = true;
        this._say(`${object.name} is tracked.`);
      });
    }

    stop() {
      const { work } = this.state;
      if (!work) return;
      work.stopped = true;
      if (work.cancel) work.cancel();
      this._changed();
    }

    /** Fits what is not up to date and puts it into the host as masks. */
    apply() {
      if (!this.state.objects.some((each) => Object.keys(each.found).length)) {
        return this._refuse("There is nothing to apply yet: point at an object, and track it.");
      }
      return this._do("Fitting", async (work) => {
        for (const object of this.state.objects) {
          if (object.stale && Object.keys(object.found).length) await this._fit(object, work);
        }
        work.title = "Applying";
        this._changed();
        await this._put();
      });
    }

    /** Takes the artist's edits of the masks back, fits the rest anew between them, and applies again. */
    refine() {
      const object = this.current;
      if (!object || !object.written.length) return this._refuse("Apply the object first: there are no masks to take edits from.");
      return this._do(`Refining ${object.name}`, async (work) => {
        const masks = await this.host.readMasks(object.written.map((each) => each.name));
        const read = rotolink.shapes.withEdits(object.written, masks, this.state.plate);
        await this._named(object);
        await this.connection.call("SessionService/SetShapes", { session_id: this._session, object_id: object.id, shapes: read.shapes });
        await this._fit(object, work, read.edited);
        await this._put();
        const kept = read.edited.length ? `Kept your edits on ${read.edited.join(", ")}.` : "There were no edits.";
        this._say([kept, ...read.notes].join(" "));
      });
    }

    // Inside

    _pointed() {
      if (!this.state.plate) {
        this._refuse("Open a plate first.");
        return null;
      }
      return this.current || this.addObject();
    }

    _point(object, prompt, remember = true) {
      const { frame } = this.state;
      const before = object.prompts[frame] || null;
      if (remember) {
        this._undo.push({ key: object.key, frame, before, after: prompt });
        if (this._undo.length > MOST_STEPS) this._undo.shift();
        this._redo = [];
      }
      if (prompt) object.prompts[frame] = prompt;
      else delete object.prompts[frame];
      object.stale = true;
      this._undoable();
      // One after the other; a click that waits behind a newer one of the same frame is not sent.
      const version = (object.versions[frame] = (object.versions[frame] || 0) + 1);
      this._waiting = this._waiting.then(async () => {
        if (object.versions[frame] !== version) return;
        const done = await this._do("", async () => {
          await this._send([frame]);
          await this._named(object);
          const mattes = new rotolink.shapes.Mattes((matte) => this._keep(object, matte));
          const args = { session_id: this._session, object_id: object.id, prompt: { frame, ...(prompt || {}) } };
          if (!prompt) {
            object.mattes.delete(frame);
            delete object.found[frame];
          }
          await this.connection.stream("SessionService/SetPrompt", args, (event) => event.matte && mattes.take(event.matte)).done;
        });
        if (!done && object.versions[frame] === version) {
          if (before) object.prompts[frame] = before;
          else delete object.prompts[frame];
          if (remember) this._undo.pop();
          this._undoable();
        }
      });
      return this._waiting;
    }

    async _step(from, to) {
      const step = from.pop();
      if (!step) return;
      to.push({ ...step, before: step.after, after: step.before });
      const object = this.state.objects.find((each) => each.key === step.key);
      if (!object) return;
      this.state.current = object.key;
      this.state.frame = step.frame;
      await this._point(object, step.before, false);
    }

    async _follow(object, frames, direction, work, before, total) {
      const mattes = new rotolink.shapes.Mattes((matte) => this._keep(object, matte));
      const call = this.connection.stream("SessionService/Propagate",
        { session_id: this._session, object_id: object.id, frames, direction, send_mattes: true }, (event) => {
          if (event.frame) object.found[event.frame.frame] = event.frame.confidence;
          if (event.matte) mattes.take(event.matte);
          if (event.progress) Object.assign(work, { done: before + event.progress.done, total });
          this._changed();
        }, { latest: true });
      work.cancel = call.cancel;
      await call.done;
    }

    async _fit(object, work, edited = []) {
      const bound = this.state.points > 0 ? { points: this.state.points } : { tolerance_px: this.state.tolerance };
      const anew = edited.length || object.shapes.some((shape) => shape.keyframes.some((key) => key.locked));
      const args = { session_id: this._session, object_id: object.id, edited, ...(anew ? { tolerance_px: this.state.tolerance } : bound) };
      if (!anew) args.interpolation = "INTERPOLATION_LINEAR";
      const call = this.connection.stream("SessionService/FitShapes", args, (event) => {
        if (event.progress) Object.assign(work, { title: `Fitting ${object.name}`, done: event.progress.done, total: event.progress.total });
        if (event.result) object.shapes = event.result.shapes;
        this._changed();
      });
      work.cancel = call.cancel;
      await call.done;
      object.stale = false;
    }

    async _put() {
      const drawn = this.state.objects.filter((each) => each.shapes.length);
      const shapes = drawn.reduce((all, each) => all.concat(each.shapes), []);
      const data = rotolink.shapes.applyData(this.state.plate, shapes, `Rotolink ${this.state.engine}`);
      const names = this.state.objects.reduce((all, each) => all.concat(each.written.map((shape) => shape.name)), []);
      const notes = await this.host.apply(data, { onLayer: this.state.onLayer, names });
      drawn.forEach((each) => { each.written = each.shapes; });
      const points = shapes.reduce((sum, shape) => sum + shape.keyframes[0].points.length, 0);
      this._say([`${counted(shapes.length, "mask")} with ${points} points: now in ${this.host.name}.`, ...notes].join(" "));
    }

    async _named(object) {
      if (object.id) return;
      const added = await this.connection.call("SessionService/AddObject", { session_id: this._session, name: object.name });
      object.id = added.object_id;
    }

    /** Sends frames that the daemon has not, where it cannot read the plate. */
    async _send(frames, work = null) {
      if (!this._given || this._given.path) return;
      for (let k = 0; k < frames.length; k += 1) {
        if (work) {
          if (work.stopped) return;
          Object.assign(work, { title: "Sending frames", done: k, total: frames.length });
          this._changed();
        }
        await this._sendOne(frames[k]);
      }
    }

    /** Sends one frame; who asks for it meanwhile waits for the same. */
    _sendOne(frame) {
      if (!this._sent.has(frame)) {
        const sent = this._sent;
        const sending = (async () => {
          const png = await this.host.render(frame - this.state.plate.frames.first);
          await this.connection.upload(this._plateId, frame, "frame.png", png, PIECE);
        })();
        sent.set(frame, sending);
        sending.catch(() => sent.delete(frame));
      }
      return this._sent.get(frame);
    }

    _keep(object, matte) {
      if (object.mattes.size > MOST_MATTES) object.mattes.delete(object.mattes.keys().next().value);
      object.mattes.set(matte.frame, matte);
      object.found[matte.frame] = matte.confidence;
      this._changed();
    }

    async _linked(link, said) {
      const came = link === "connected" && this.state.link !== "connected";
      Object.assign(this.state, { link, said, isError: link === "lost" });
      this._changed();
      if (!came) return;
      await this._quietly(async () => {
        this.state.engines = (await this.connection.call("DaemonService/ListEngines", {})).engines;
        this._pictures.clear();
        this._changed();
        if (this._session) await this._attach();
      });
    }

    /** Finds the session again after the daemon came back. */
    async _attach() {
      try {
        await this.connection.call("SessionService/AttachSession", { session_id: this._session });
        this._say("The daemon is back, and your work with it.");
      } catch (error) {
        if (error.code !== "NOT_FOUND") throw error;
        this._session = null;
        this.state.plate = null;
        this._say("The daemon is back without this work: open the plate again.", true);
      }
    }

    /** Does something that may fail; returns whether it did not. */
    async _do(title, what) {
      const work = title ? { title, done: 0, total: 0, stopped: false, cancel: null } : null;
      if (work && this.state.work) return this._refuse(`${this.state.work.title}: wait for it, or stop it.`);
      if (!this.connection || this.state.link !== "connected") return this._refuse("No daemon answers: start it, or wait until it is back.");
      if (work) this.state.work = work;
      this._changed();
      try {
        if (work) await this._waiting; // clicks that were made before come first
        await what(work);
        return true;
      } catch (error) {
        if (work && work.stopped) this._say("Stopped; what was done by then stays.");
        else this._say(error.message || String(error), true);
        return false;
      } finally {
        if (work) this.state.work = null;
        this._changed();
      }
    }

    async _quietly(what) {
      try {
        await what();
        return true;
      } catch (error) {
        if (error.code !== "UNAVAILABLE") this._say(error.message || String(error), true);
        return false;
      }
    }

    _refuse(sentence) {
      this._say(sentence, true);
      return Promise.resolve(false);
    }

    _say(said, isError = false) {
      Object.assign(this.state, { said, isError });
      this._undoable();
    }

    _undoable() {
      Object.assign(this.state, { canUndo: this._undo.length > 0, canRedo: this._redo.length > 0 });
      this._changed();
    }
  }

  function uploadOf(given) {
    return {
      width: given.width, height: given.height, frames: given.frames, name: given.name, pixel_aspect: given.pixelAspect,
      frame_rate: given.frameRate, colour_space: "sRGB",
    };
  }

  function range(first, last) {
    return Array.from({ length: last - first + 1 }, (_, k) => first + k);
  }

  function counted(count, what) {
    return `${count} ${what}${count === 1 ? "" : "s"}`;
  }

  rotolink.Desk = Desk;
  rotolink.counted = counted;
}(globalThis.Rotolink = globalThis.Rotolink || {}));
