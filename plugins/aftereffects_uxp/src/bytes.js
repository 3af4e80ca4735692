// Bytes to values and back: UTF-8, msgpack, and zlib, in what every host's JavaScript has (UXP lacks TextEncoder,
// TextDecoder and DecompressionStream).
(function (rotolink) {
  "use strict";

  const MOST_DEPTH = 64;

  /** @param {string} text @returns {Uint8Array} */
  function utf8(text) {
    const out = [];
    for (let i = 0; i < text.length; i += 1) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code < 0xdc00 && i + 1 < text.length) {
        const low = text.charCodeAt(i + 1);
        if (low >= 0xdc00 && low < 0xe000) {
          code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
          i += 1;
        }
      }
      if (code >= 0xd800 && code < 0xe000) code = 0xfffd; // half of a pair alone
      if (code < 0x80) out.push(code);
      else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return new Uint8Array(out);
  }

  /** @param {Uint8Array} bytes @returns {string} */
  function fromUtf8(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length;) {
      const first = bytes[i];
      const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : -1;
      let code = more < 0 ? 0xfffd : more === 0 ? first : first & (0x3f >> more);
      for (let k = 1; k <= more; k += 1) code = (code << 6) | ((bytes[i + k] || 0) & 63);
      i += Math.max(more, 0) + 1;
      text += code < 0x10000 ? String.fromCharCode(code)
        : String.fromCharCode(0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
    return text;
  }

  /** Packs a value as msgpack. @param {any} value @returns {Uint8Array} */
  function pack(value) {
    let room = new Uint8Array(1024);
    let view = new DataView(room.buffer);
    let at = 0;

    /** @param {number} size */
    function need(size) {
      if (at + size <= room.length) return;
      const larger = new Uint8Array(Math.max(2 * room.length, at + size));
      larger.set(room.subarray(0, at));
      room = larger;
      view = new DataView(room.buffer);
    }

    /** @param {number} byte */
    function byte(byte) {
      need(1);
      room[at] = byte;
      at += 1;
    }

    /** @param {Uint8Array} bytes */
    function bytes(bytes) {
      need(bytes.length);
      room.set(bytes, at);
      at += bytes.length;
    }

    /** @param {number} number @param {1|2|4} size */
    function big(number, size) {
      need(size);
      if (size === 1) view.setUint8(at, number);
      else if (size === 2) view.setUint16(at, number);
      else view.setUint32(at, number);
      at += size;
    }

    /** @param {number} count @param {[number, number, number, number, number]} marks fixed, its limit, then 8, 16, 32 bits */
    function head(count, marks) {
      const [fixed, limit, small, middle, large] = marks;
      if (count < limit) byte(fixed | count);
      else if (small && count < 0x100) { byte(small); big(count, 1); }
      else if (count < 0x10000) { byte(middle); big(count, 2); }
      else { byte(large); big(count, 4); }
    }

    /** @param {number} number */
    function whole(number) {
      if (number >= 0 && number < 128) byte(number);
      else if (number < 0 && number >= -32) byte(number & 0xff);
      else if (number >= 0 && number < 0x100000000) { byte(0xce); big(number, 4); }
      else if (number < 0 && number >= -0x80000000) { byte(0xd2); big(number >>> 0, 4); }
      else real(number);
    }

    /** @param {number} number */
    function real(number) {
      byte(0xcb);
      need(8);
      view.setFloat64(at, number);
      at += 8;
    }

    /** @param {any} value */
    function any(value) {
      if (value === null || value === undefined) byte(0xc0);
      else if (typeof value === "boolean") byte(value ? 0xc3 : 0xc2);
      else if (typeof value === "number") (Number.isInteger(value) && !Object.is(value, -0) ? whole : real)(value);
      else if (typeof value === "string") {
        const text = utf8(value);
        head(text.length, [0xa0, 32, 0xd9, 0xda, 0xdb]);
        bytes(text);
      } else if (value instanceof Uint8Array) {
        head(value.length, [0, 0, 0xc4, 0xc5, 0xc6]);
        bytes(value);
      } else if (Array.isArray(value)) {
        head(value.length, [0x90, 16, 0, 0xdc, 0xdd]);
        value.forEach(any);
      } else {
        const keys = Object.keys(value).filter((key) => value[key] !== undefined);
        head(keys.length, [0x80, 16, 0, 0xde, 0xdf]);
        keys.forEach((key) => { any(key); any(value[key]); });
      }
    }

    any(value);
    return room.slice(0, at);
  }

  /** Unpacks msgpack; throws an Error for bytes that are none. @param {Uint8Array} data @returns {any} */
  function unpack(data) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let at = 0;

    /** @param {number} size */
    function step(size) {
      const here = at;
      if (here + size > data.length) throw new Error("A message from the daemon ends too early.");
      at += size;
      return here;
    }

    /** @param {1|2|4} size */
    function count(size) {
      const here = step(size);
      return size === 1 ? view.getUint8(here) : size === 2 ? view.getUint16(here) : view.getUint32(here);
    }

    /** @param {number} size */
    function piece(size) {
      const here = step(size);
      return data.subarray(here, here + size);
    }

    /** @param {number} size @param {number} depth */
    function list(size, depth) {
      if (size > data.length - at) throw new Error("A message from the daemon is damaged.");
      const made = [];
      for (let k = 0; k < size; k += 1) made.push(any(depth + 1));
      return made;
    }

    /** @param {number} size @param {number} depth */
    function map(size, depth) {
      if (size > data.length - at) throw new Error("A message from the daemon is damaged.");
      /** @type {Record<string, any>} */
      const made = Object.create(null);
      for (let k = 0; k < size; k += 1) {
        const key = any(depth + 1);
        if (typeof key !== "string" && typeof key !== "number") throw new Error("A message from the daemon is damaged.");
        made[key] = any(depth + 1);
      }
      return made;
    }

    /** @param {number} high @param {number} low */
    function wide(high, low) {
      return high * 0x100000000 + low;
    }

    /** @param {number} depth @returns {any} */
    function any(depth) {
      if (depth > MOST_DEPTH) throw new Error("A message from the daemon is nested too deeply.");
      const kind = view.getUint8(step(1));
      if (kind < 0x80) return kind;
      if (kind >= 0xe0) return kind - 0x100;
      if (kind < 0x90) return map(kind & 15, depth);
      if (kind < 0xa0) return list(kind & 15, depth);
      if (kind < 0xc0) return fromUtf8(piece(kind & 31));
      switch (kind) {
        case 0xc0: return null;
        case 0xc2: return false;
        case 0xc3: return true;
        case 0xc4: return piece(count(1));
        case 0xc5: return piece(count(2));
        case 0xc6: return piece(count(4));
        case 0xca: return view.getFloat32(step(4));
        case 0xcb: return view.getFloat64(step(8));
        case 0xcc: return count(1);
        case 0xcd: return count(2);
        case 0xce: return count(4);
        case 0xcf: return wide(count(4), count(4));
        case 0xd0: return view.getInt8(step(1));
        case 0xd1: return view.getInt16(step(2));
        case 0xd2: return view.getInt32(step(4));
        case 0xd3: return wide(view.getInt32(step(4)), count(4));
        case 0xd9: return fromUtf8(piece(count(1)));
        case 0xda: return fromUtf8(piece(count(2)));
        case 0xdb: return fromUtf8(piece(count(4)));
        case 0xdc: return list(count(2), depth);
        case 0xdd: return list(count(4), depth);
        case 0xde: return map(count(2), depth);
        case 0xdf: return map(count(4), depth);
        default: throw new Error("A message from the daemon is damaged.");
      }
    }

    const value = any(0);
    if (at !== data.length) throw new Error("A message from the daemon has more in it than it says.");
    return value;
  }

  const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
  const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
  const FAR_BASE = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577];
  const FAR_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

  /** Codes of a length each, as counts and sorted symbols: RFC 1951, section 3.2.2. @param {number[]} lengths */
  function codes(lengths) {
    const counts = new Uint16Array(16);
    lengths.forEach((length) => { counts[length] += 1; });
    counts[0] = 0;
    const starts = new Uint16Array(16);
    for (let k = 1; k < 16; k += 1) starts[k] = starts[k - 1] + counts[k - 1];
    const symbols = new Uint16Array(lengths.length);
    lengths.forEach((length, symbol) => { if (length) { symbols[starts[length]] = symbol; starts[length] += 1; } });
    return { counts, symbols };
  }

  const FIXED = codes(Array.from({ length: 288 }, (_, k) => (k < 144 ? 8 : k < 256 ? 9 : k < 280 ? 7 : 8)));
  const FIXED_FAR = codes(Array.from({ length: 30 }, () => 5));

  /** Adler-32 (RFC 1950), summed in runs that stay exact. @param {Uint8Array} bytes */
  function adler(bytes) {
    let low = 1;
    let high = 0;
    for (let at = 0; at < bytes.length;) {
      const stop = Math.min(at + 3800, bytes.length);
      for (; at < stop; at += 1) {
        low += bytes[at];
        high += low;
      }
      low %= 65521;
      high %= 65521;
    }
    return high * 65536 + low;
  }

  /** Unpacks zlib (RFC 1950) to a size that is known. @param {Uint8Array} data @param {number} size @returns {Uint8Array} */
  function inflate(data, size) {
    const out = new Uint8Array(size);
    let end = 0;
    let at = 2;
    let held = 0;
    let ready = 0;
    const damaged = () => new Error("A matte from the daemon is damaged.");

    /** @param {number} count */
    function bits(count) {
      while (ready < count) {
        if (at >= data.length) throw damaged();
        held |= data[at] << ready;
        at += 1;
        ready += 8;
      }
      const value = held & ((1 << count) - 1);
      held >>>= count;
      ready -= count;
      return value;
    }

    /** @param {{counts: Uint16Array, symbols: Uint16Array}} table */
    function symbol(table) {
      let code = 0;
      let first = 0;
      let index = 0;
      for (let length = 1; length < 16; length += 1) {
        code |= bits(1);
        const count = table.counts[length];
        if (code - count < first) return table.symbols[index + code - first];
        index += count;
        first = (first + count) << 1;
        code <<= 1;
      }
      throw damaged();
    }

    function tables() {
      const literals = bits(5) + 257;
      const fars = bits(5) + 1;
      const lengths = Array.from({ length: 19 }, () => 0);
      const given = bits(4) + 4;
      for (let k = 0; k < given; k += 1) lengths[ORDER[k]] = bits(3);
      const table = codes(lengths);
      /** @type {number[]} */
      const all = [];
      while (all.length < literals + fars) {
        const next = symbol(table);
        if (next < 16) all.push(next);
        else {
          const value = next === 16 ? all[all.length - 1] : 0;
          const times = next === 16 ? 3 + bits(2) : next === 17 ? 3 + bits(3) : 11 + bits(7);
          if (value === undefined) throw damaged();
          for (let k = 0; k < times; k += 1) all.push(value);
        }
      }
      return [codes(all.slice(0, literals)), codes(all.slice(literals, literals + fars))];
    }

    function stored() {
      held = 0;
      ready = 0;
      const length = data[at] | (data[at + 1] << 8);
      if (length !== (0xffff & ~(data[at + 2] | (data[at + 3] << 8)))) throw damaged();
      at += 4;
      if (at + length > data.length || end + length > size) throw damaged();
      out.set(data.subarray(at, at + length), end);
      at += length;
      end += length;
    }

    let last = false;
    while (!last) {
      last = bits(1) === 1;
      const kind = bits(2);
      if (kind === 3) throw damaged();
      if (kind === 0) {
        stored();
        continue;
      }
      const [literal, far] = kind === 1 ? [FIXED, FIXED_FAR] : tables();
      for (let next = symbol(literal); next !== 256; next = symbol(literal)) {
        if (next < 256) {
          if (end >= size) throw damaged();
          out[end] = next;
          end += 1;
          continue;
        }
        const length = LENGTH_BASE[next - 257] + bits(LENGTH_BITS[next - 257]);
        const place = symbol(far);
        const back = FAR_BASE[place] + bits(FAR_BITS[place]);
        if (!(back <= end && end + length <= size)) throw damaged();
        for (let k = 0; k < length; k += 1) out[end + k] = out[end + k - back];
        end += length;
      }
    }
    if (end !== size || at + 4 !== data.length || adler(out) !== new DataView(data.buffer, data.byteOffset + at).getUint32(0)) throw damaged();
    return out;
  }

  rotolink.bytes = { utf8, fromUtf8, pack, unpack, inflate };
}(globalThis.Rotolink = globalThis.Rotolink || {}));
