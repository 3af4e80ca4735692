// Between the protocol's values and what a panel draws or a host applies.
(function (rotolink) {
  "use strict";

  /** Gathers the pieces of mattes of one call. */
  class Mattes {
    /** @param {(matte: any) => void} whole */
    constructor(whole) {
      this._whole = whole;
      this._header = null;
      this._pieces = [];
      this._got = 0;
    }

    /** @param {{header?: any, data: Uint8Array}} part */
    take(part) {
      if (part.header) {
        this._header = part.header;
        this._pieces = [];
        this._got = 0;
      }
      if (!this._header) return;
      if (part.data && part.data.length) {
        this._pieces.push(part.data);
        this._got += part.data.length;
      }
      if (this._got < this._header.size) return;
      const header = this._header;
      this._header = null;
      this._whole(unpacked(header, joined(this._pieces, this._got)));
    }
  }

  /** @param {Uint8Array[]} pieces @param {number} size */
  function joined(pieces, size) {
    const whole = new Uint8Array(size);
    let at = 0;
    pieces.forEach((piece) => { whole.set(piece, at); at += piece.length; });
    return whole;
  }

  function unpacked(header, data) {
    const bytes = header.bits / 8;
    const size = (header.right - header.left) * (header.bottom - header.top) * bytes;
    const samples = header.codec === "MATTE_CODEC_ZLIB" ? rotolink.bytes.inflate(data, size) : data;
    return { ...header, samples, bytes };
  }

  /** Coverage 0 to 255 at a place of the plate. */
  function coverage(matte, x, y) {
    if (x < matte.left || x >= matte.right || y < matte.top || y >= matte.bottom) return 0;
    const at = ((y - matte.top) * (matte.right - matte.left) + (x - matte.left)) * matte.bytes;
    return matte.samples[at + matte.bytes - 1]; // the high byte of two
  }

  /**
   * A matte as rows of rectangles to fill, at the size of a view: [x, y, width, height] in view pixels.
   * Any canvas can fill those, and UXP's can draw no pixels.
   */
  function runs(matte, scale) {
    const found = [];
    const step = Math.max(1, Math.round(1 / Math.max(scale.x, scale.y)));
    for (let y = matte.top - (matte.top % step); y < matte.bottom; y += step) {
      let start = -1;
      for (let x = matte.left - (matte.left % step); x <= matte.right; x += step) {
        const on = x < matte.right && coverage(matte, x, y) >= 128;
        if (on && start < 0) start = x;
        if (!on && start >= 0) {
          found.push([start * scale.x, y * scale.y, (x - start) * scale.x, step * scale.y]);
          start = -1;
        }
      }
    }
    return found;
  }

  const PER_POINT = ["x", "y", "in_x", "in_y", "out_x", "out_y"];

  /** Returns the data that `applyRoto` takes; frames count from the plate's first. */
  function applyData(plate, shapes, madeBy) {
    const first = plate.frames.first;
    const count = plate.frames.last - first + 1;
    const masks = shapes.filter((shape) => shape.closed).map((shape) => ({
      name: shape.name,
      colour: [shape.colour.red, shape.colour.green, shape.colour.blue],
      cuts: shape.invert,
      frames: shape.keyframes.map((key) => key.frame - first),
      shown: shownFrom(shape.lifetime, plate.frames),
      feather: [],
      outlines: shape.keyframes.map((key) =>
        key.points.reduce((row, point) => row.concat(PER_POINT.map((name) => thousandths(point[name]))), [])),
    }));
    while (masks.length && masks[0].cuts) masks.shift(); // it would cut where there is nothing
    return {
      name: plate.name || "plate", madeBy, width: plate.width, height: plate.height, pixelAspect: plate.pixel_aspect,
      frameRate: plate.frame_rate, firstFrame: first, frameCount: count, masks,
    };
  }

  function shownFrom(lifetime, frames) {
    if (lifetime.last < frames.first || lifetime.first > frames.last) return [[0, 0]];
    const shown = lifetime.first > frames.first ? [[0, 0]] : [];
    shown.push([Math.max(lifetime.first, frames.first) - frames.first, 100]);
    if (lifetime.last < frames.last) shown.push([lifetime.last + 1 - frames.first, 0]);
    return shown;
  }

  function thousandths(number) {
    return Math.round(number * 1000) / 1000 + 0;
  }

  /**
   * Puts masks read back from a host into the shapes that were written; returns {shapes, edited, notes}.
   * Numbers went out at a thousandth of a pixel, so what differs by more than two was moved by hand.
   */
  function withEdits(shapes, masks, plate) {
    const first = plate.frames.first;
    const edited = new Set();
    const notes = [];
    const made = shapes.map((shape) => {
      const mask = masks.find((each) => each.name === shape.name);
      if (!mask) {
        notes.push(`The mask '${shape.name}' is gone: the shape is left as it was written.`);
        return shape;
      }
      const count = shape.keyframes[0].points.length;
      if (mask.outlines.some((row) => row.length !== 6 * count)) {
        notes.push(`The mask '${shape.name}' has another number of points than was written: it is left as it was.`);
        return shape;
      }
      const known = new Map(shape.keyframes.map((key) => [key.frame, key]));
      const frames = mask.frames.length ? mask.frames.map((at) => first + at) : [shape.keyframes[0].frame]; // a path without keys
      const last = frames.filter((frame, k) => frames.indexOf(frame) === k); // keys between frames may meet on one
      const keyframes = last.map((frame) => {
        const k = frames.lastIndexOf(frame);
        const before = known.get(frame);
        const points = Array.from({ length: count }, (_, n) => {
          const old = before && before.points[n];
          const point = old ? { ...old } : { corner: shape.keyframes[0].points[n].corner };
          PER_POINT.forEach((name, axis) => {
            const number = mask.outlines[k][6 * n + axis];
            if (old && Math.abs(old[name] - number) <= 0.002) return;
            point[name] = number;
            edited.add(frame);
          });
          return point;
        });
        return { frame, points, locked: before ? before.locked : false };
      });
      return { ...shape, keyframes };
    });
    return { shapes: made, edited: [...edited].sort((a, b) => a - b), notes };
  }

  rotolink.shapes = { Mattes, coverage, runs, applyData, withEdits };
}(globalThis.Rotolink = globalThis.Rotolink || {}));
