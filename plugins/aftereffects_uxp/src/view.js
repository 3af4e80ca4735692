// The panel's window: a view of a desk. Canvas calls are those that UXP has; events by addEventListener alone.
(function (rotolink) {
  "use strict";

  const LONGEST_PX = 1600;
  const DRAG_PX = 4;
  const FOLLOW_MS = 250;
  const LOW = 0.5;

  class View {
    /** @param {Document} document @param {any} desk @param {boolean} withPath whether the plate is named by its path */
    constructor(document, desk, withPath) {
      this._document = document;
      this._desk = desk;
      this._drag = null;
      this._shown = null;
      this._url = "";
      this.get("path").style.display = withPath ? "" : "none";
      this._bind();
      this._timer = setInterval(() => { if (!desk.state.work) desk.followHost(); }, FOLLOW_MS);
      this.show();
    }

    close() {
      clearInterval(this._timer);
    }

    get(id) {
      return this._document.getElementById(id);
    }

    _bind() {
      const desk = this._desk;
      const press = (id, call) => this.get(id).addEventListener("click", () => { call(); });
      press("open", () => desk.openPlate());
      press("undo", () => desk.undo());
      press("redo", () => desk.redo());
      press("back", () => desk.track("backward"));
      press("both", () => desk.track("both"));
      press("forward", () => desk.track("forward"));
      press("stop", () => desk.stop());
      press("apply", () => this._apply());
      press("refine", () => { this._bounds(); desk.refine(); });
      press("clear", () => desk.clear());
      press("add", () => { desk.addObject(this.get("name").value); this.get("name").value = ""; });
      this.get("engine").addEventListener("change", (event) => desk.useEngine(event.target.value));
      this.get("target").addEventListener("change", (event) => { desk.state.onLayer = event.target.value === "layer"; });
      const view = this.get("view");
      view.addEventListener("mousedown", (event) => this._down(event));
      view.addEventListener("mousemove", (event) => this._move(event));
      view.addEventListener("mouseup", (event) => this._up(event));
      view.addEventListener("mouseleave", () => { this._drag = null; this.show(); });
      this.get("timeline").addEventListener("mousedown", (event) => this._seek(event));
      this._document.addEventListener("keydown", (event) => this._key(event));
    }

    _apply() {
      this._bounds();
      this._desk.apply();
    }

    _bounds() {
      const { state } = this._desk;
      const tolerance = Number(this.get("tolerance").value.replace(",", "."));
      const points = Math.round(Number(this.get("points").value));
      state.tolerance = tolerance > 0 ? tolerance : 1;
      state.points = points >= 4 ? points : 0;
      this.get("tolerance").value = String(state.tolerance);
      this.get("points").value = state.points ? String(state.points) : "";
    }

    _key(event) {
      if (["INPUT", "SELECT", "TEXTAREA"].includes(event.target && event.target.tagName)) return;
      const desk = this._desk;
      const { frame } = desk.state;
      const command = event.ctrlKey || event.metaKey;
      const keys = {
        t: () => desk.track(event.shiftKey ? "backward" : "both"),
        Escape: () => desk.stop(),
        ArrowLeft: () => desk.goTo(frame - (event.shiftKey ? 10 : 1)),
        ArrowRight: () => desk.goTo(frame + (event.shiftKey ? 10 : 1)),
        Enter: () => this._apply(),
        Delete: () => desk.clear(),
      };
      const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      if (command && name === "z") (event.shiftKey ? desk.redo() : desk.undo());
      else if (!command && keys[name]) keys[name]();
      else return;
      event.preventDefault();
    }

    // The picture

    /** The plate's place in the view: its left, top and the view pixels a plate pixel takes. */
    _map() {
      const { plate } = this._desk.state;
      const box = this.get("view").getBoundingClientRect();
      const aspect = plate.pixel_aspect || 1;
      const across = Math.min(box.width / (plate.width * aspect), box.height / plate.height);
      const scale = { x: across * aspect, y: across };
      return {
        scale, left: (box.width - plate.width * scale.x) / 2, top: (box.height - plate.height * scale.y) / 2, box,
        width: plate.width * scale.x, height: plate.height * scale.y,
      };
    }

    _place(event) {
      const map = this._map();
      return {
        x: (event.clientX - map.box.left - map.left) / map.scale.x, y: (event.clientY - map.box.top - map.top) / map.scale.y,
      };
    }

    _down(event) {
      if (event.button !== 0 || !this._desk.state.plate) return;
      this.get("view").focus();
      this._drag = { from: this._place(event), to: null, x: event.clientX, y: event.clientY };
      event.preventDefault();
    }

    _move(event) {
      if (!this._drag) return;
      const far = Math.abs(event.clientX - this._drag.x) + Math.abs(event.clientY - this._drag.y);
      if (this._drag.to || far > DRAG_PX) {
        this._drag.to = this._place(event);
        this.show();
      }
    }

    _up(event) {
      const drag = this._drag;
      this._drag = null;
      const { plate } = this._desk.state;
      if (!drag || !plate) return;
      if (drag.to) this._desk.box(drag.from.x, drag.from.y, drag.to.x, drag.to.y);
      else if (drag.from.x >= 0 && drag.from.y >= 0 && drag.from.x < plate.width && drag.from.y < plate.height) {
        this._desk.click(drag.from.x, drag.from.y, !event.altKey);
      }
    }

    _seek(event) {
      const { plate } = this._desk.state;
      if (!plate) return;
      const box = this.get("timeline").getBoundingClientRect();
      const { first, last } = plate.frames;
      this._desk.goTo(first + Math.floor(((event.clientX - box.left) / box.width) * (last - first + 1)));
    }

    // Showing

    show() {
      const { state } = this._desk;
      const busy = Boolean(state.work);
      const ready = state.link === "connected";
      const disable = (id, off) => { this.get(id).disabled = off; };
      disable("open", busy || !ready);
      for (const id of ["back", "both", "forward", "apply", "refine"]) disable(id, busy || !ready || !state.plate);
      disable("stop", !busy);
      disable("undo", !state.canUndo);
      disable("redo", !state.canRedo);
      disable("clear", !state.plate);
      this.get("said").textContent = busy && state.work.total
        ? `${state.work.title} ${state.work.done}/${state.work.total}` : busy ? state.work.title : state.said;
      this.get("said").className = state.isError && !busy ? "error" : "";
      this.get("done").style.width = busy && state.work.total ? `${(100 * state.work.done) / state.work.total}%` : "0";
      this.get("frame").textContent = state.plate ? `${state.frame} · ${state.plate.frames.first}–${state.plate.frames.last}` : "";
      this.get("hint").style.display = state.plate ? "none" : "";
      this._showEngines(state);
      this._showObjects(state);
      this._showPicture(state);
      this._drawOverlay(state);
      this._drawTimeline(state);
      if (!this.get("tolerance").value) this.get("tolerance").value = String(state.tolerance);
    }

    _showEngines(state) {
      const names = state.engines.filter((each) => !each.unavailable).map((each) => each.name);
      const wanted = [names.join(), state.engine].join("/");
      if (wanted === this._engines) return;
      this._engines = wanted;
      const select = this.get("engine");
      select.textContent = "";
      for (const engine of state.engines.filter((each) => !each.unavailable)) {
        const option = this._document.createElement("option");
        option.value = engine.name;
        option.textContent = engine.title || engine.name;
        option.selected = engine.name === state.engine || (!state.engine && engine.is_default);
        select.appendChild(option);
      }
    }

    _showObjects(state) {
      const list = this.get("objects");
      list.textContent = "";
      for (const object of state.objects) {
        const row = this._document.createElement("div");
        row.className = object.key === state.current ? "object current" : "object";
        const add = (kind, name, words) => {
          const part = this._document.createElement(kind);
          part.className = name;
          part.textContent = words;
          row.appendChild(part);
          return part;
        };
        const swatch = add("div", "swatch", "");
        swatch.style.backgroundColor = css(object.colour);
        add("div", "label", object.name);
        const points = object.shapes.reduce((sum, shape) => sum + shape.keyframes[0].points.length, 0);
        const frames = Object.keys(object.found).length;
        add("div", "facts", object.shapes.length
          ? `${rotolink.counted(object.shapes.length, "mask")}, ${points} points${object.stale ? " *" : ""}`
          : frames ? rotolink.counted(frames, "frame") : "");
        const eye = add("button", "eye", object.visible ? "hide" : "show");
        const bin = add("button", "bin", "✕");
        bin.title = "Delete the object";
        row.addEventListener("click", () => this._desk.select(object.key));
        eye.addEventListener("click", (event) => { event.stopPropagation(); this._desk.show(object.key, !object.visible); });
        bin.addEventListener("click", (event) => { event.stopPropagation(); this._desk.remove(object.key); });
        list.appendChild(row);
      }
    }

    _showPicture(state) {
      const image = this.get("picture");
      if (!state.plate) {
        image.style.display = "none";
        return;
      }
      const map = this._map();
      Object.assign(image.style, { left: `${map.left}px`, top: `${map.top}px`, width: `${map.width}px`, height: `${map.height}px` });
      const jpeg = this._desk.picture(LONGEST_PX);
      if (!jpeg || jpeg === this._shown) return;
      this._shown = jpeg;
      const before = this._url;
      this._url = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
      image.src = this._url;
      image.style.display = "block";
      if (before) URL.revokeObjectURL(before);
    }

    _canvas(id) {
      const canvas = this.get(id);
      const box = (id === "overlay" ? this.get("view") : canvas).getBoundingClientRect();
      const width = Math.max(1, Math.round(box.width));
      const height = Math.max(1, Math.round(box.height));
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      const pen = canvas.getContext("2d");
      pen.clearRect(0, 0, width, height);
      return { pen, width, height };
    }

    _drawOverlay(state) {
      const { pen } = this._canvas("overlay");
      if (!state.plate) return;
      const map = this._map();
      for (const object of state.objects) {
        if (!object.visible) continue;
        const matte = this._desk.matte(object);
        if (matte) {
          pen.globalAlpha = 0.42;
          pen.fillStyle = css(object.colour);
          for (const [x, y, w, h] of rotolink.shapes.runs(matte, map.scale)) { // whole pixels, so that rows meet without seams
            const left = Math.round(map.left + x);
            const top = Math.round(map.top + y);
            pen.fillRect(left, top, Math.round(map.left + x + w) - left, Math.round(map.top + y + h) - top);
          }
          pen.globalAlpha = 1;
        }
        this._drawPrompt(pen, map, object, object.prompts[state.frame]);
      }
      if (this._drag && this._drag.to) {
        const { from, to } = this._drag;
        pen.lineWidth = 1;
        pen.strokeStyle = "#ffffff";
        pen.strokeRect(map.left + Math.min(from.x, to.x) * map.scale.x, map.top + Math.min(from.y, to.y) * map.scale.y,
          Math.abs(to.x - from.x) * map.scale.x, Math.abs(to.y - from.y) * map.scale.y);
      }
    }

    _drawPrompt(pen, map, object, prompt) {
      if (!prompt) return;
      if (prompt.box) {
        pen.lineWidth = 1.5;
        pen.strokeStyle = css(object.colour);
        pen.strokeRect(map.left + prompt.box.x0 * map.scale.x, map.top + prompt.box.y0 * map.scale.y,
          (prompt.box.x1 - prompt.box.x0) * map.scale.x, (prompt.box.y1 - prompt.box.y0) * map.scale.y);
      }
      for (const point of prompt.points) {
        const x = map.left + point.x * map.scale.x;
        const y = map.top + point.y * map.scale.y;
        pen.beginPath();
        pen.arc(x, y, 5, 0, 2 * Math.PI);
        pen.fillStyle = point.foreground ? css(object.colour) : "#161616";
        pen.fill();
        pen.lineWidth = 1.5;
        pen.strokeStyle = "#ffffff";
        pen.stroke();
        if (!point.foreground) {
          pen.beginPath();
          pen.moveTo(x - 2.5, y);
          pen.lineTo(x + 2.5, y);
          pen.stroke();
        }
      }
    }

    _drawTimeline(state) {
      const { pen, width, height } = this._canvas("timeline");
      if (!state.plate) return;
      const { first, last } = state.plate.frames;
      const step = width / (last - first + 1);
      const at = (frame) => (frame - first) * step;
      const object = this._desk.current;
      if (object) {
        for (const frame of Object.keys(object.found).map(Number)) {
          const sure = object.found[frame];
          pen.fillStyle = sure < LOW ? "#d8793c" : css(object.colour.map((part) => part * 0.45 + 0.04));
          const tall = Math.max(2, sure * (height - 12));
          pen.fillRect(at(frame), height - tall, Math.max(step - 0.5, 0.8), tall);
        }
        pen.fillStyle = "#ffffff";
        for (const frame of Object.keys(object.prompts).map(Number)) {
          const x = at(frame) + step / 2;
          pen.beginPath();
          pen.moveTo(x - 4, 1);
          pen.lineTo(x + 4, 1);
          pen.lineTo(x, 8);
          pen.closePath();
          pen.fill();
        }
        pen.fillStyle = "#e9d35b";
        const keys = new Set(object.shapes.reduce((all, shape) => all.concat(shape.keyframes.map((key) => key.frame)), []));
        for (const frame of keys) pen.fillRect(at(frame) + step / 2 - 1, height - 6, 2.5, 6);
      }
      pen.fillStyle = "#ff5a4d";
      pen.fillRect(at(state.frame) + step / 2 - 0.75, 0, 1.5, height);
    }
  }

  function css(colour) {
    return `rgb(${colour.map((part) => Math.round(255 * part)).join(",")})`;
  }

  rotolink.View = View;
}(globalThis.Rotolink = globalThis.Rotolink || {}));
