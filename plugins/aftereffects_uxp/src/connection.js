// The daemon over one WebSocket: docs/reference/gateway.md. Comes back by itself when the daemon does.
(function (rotolink) {
  "use strict";

  const CLOSED_TOO_MANY = 1013;
  const PROTOCOL = "roto.v1.msgpack";
  const API = { major: 1, minor: 1 };
  const FIRST_PAUSE_MS = 250;
  const LONGEST_PAUSE_MS = 8000;
  const LARGEST = 2 << 20; // bytes of a message that the daemon takes
  const ANSWER_MS = 150000; // longer than a daemon bears a silent worker, so that its own words arrive first

  /** What a call came to; `message` is for the artist. */
  class CallError extends Error {
    /** @param {string} code @param {string} detail @param {string} reason */
    constructor(code, detail, reason) {
      super(detail);
      this.code = code;
      this.reason = reason;
    }
  }

  class Connection {
    /**
     * @param {string} url where the daemon answers, such as ws://127.0.0.1:50751/ws
     * @param {(state: "connecting"|"connected"|"lost", sentence: string) => void} changed
     * @param {{Socket?: any, setTimeout?: any, clearTimeout?: any}} [world] of a test
     */
    constructor(url, changed, world = {}) {
      this.url = url;
      this.hello = null;
      this._changed = changed;
      this._Socket = world.Socket || globalThis.WebSocket;
      this._later = world.setTimeout || ((call, ms) => setTimeout(call, ms));
      this._never = world.clearTimeout || ((timer) => clearTimeout(timer));
      this._calls = new Map();
      this._next = 1;
      this._pause = FIRST_PAUSE_MS;
      this._closed = false;
      this._socket = null;
    }

    open() {
      if (this._closed) return;
      this._changed("connecting", `Looking for the daemon at ${this.url}.`);
      let socket;
      try {
        socket = new this._Socket(this.url, PROTOCOL);
      } catch (error) {
        this._lost(`The daemon cannot be reached: ${error.message || error}`);
        return;
      }
      socket.binaryType = "arraybuffer";
      this._socket = socket;
      socket.onopen = () => this._greet(socket);
      socket.onmessage = (event) => this._take(event.data);
      socket.onerror = () => {};
      socket.onclose = (event) => {
        if (this._socket !== socket) return;
        this._socket = null;
        const full = event && event.code === CLOSED_TOO_MANY;
        this._lost(full ? `The daemon takes no more panels: ${event.reason}` :
          "No daemon answers. Start it with: roto-daemon serve. It is looked for until it is there.");
      };
    }

    close() {
      this._closed = true;
      if (this._socket) this._socket.close();
      this._socket = null;
      this._failAll("The panel was closed.");
    }

    /** A call with one answer. @param {string} op @param {object} args @returns {Promise<any>} */
    call(op, args) {
      return this.stream(op, args, () => {}).done;
    }

    /**
     * A call with a stream of answers.
     * @param {string} op @param {object} args @param {(event: any) => void} taken
     * @param {{latest?: boolean}} [options]
     * @returns {{done: Promise<any>, cancel: () => void}}
     */
    stream(op, args, taken, options = {}) {
      const id = this._next;
      this._next += 1;
      const done = new Promise((resolve, reject) => {
        if (!this._socket || this._socket.readyState !== 1) {
          reject(new CallError("UNAVAILABLE", "No daemon answers: wait until it is back.", ""));
          return;
        }
        const message = { id, op, args, metadata: { "matte-coding": "zlib" } };
        if (options.latest) message.latest = true;
        const packed = rotolink.bytes.pack(message);
        if (packed.length > LARGEST) {
          reject(new CallError("RESOURCE_EXHAUSTED", "This is more than the daemon takes at once: fit with fewer points or keys.", ""));
          return;
        }
        const call = { resolve, reject, taken, timer: null };
        this._calls.set(id, call);
        this._wind(id, call);
        this._socket.send(packed);
      });
      return { done, cancel: () => this._cancel(id) };
    }

    _cancel(id) {
      if (this._calls.has(id) && this._socket && this._socket.readyState === 1) this._socket.send(rotolink.bytes.pack({ id, cancel: true }));
    }

    /** Sends one frame of a plate as an image file. */
    upload(plateId, frame, name, bytes, piece) {
      const { pack } = rotolink.bytes;
      const call = this.stream("PlateService/UploadFrames", undefined, () => {});
      const id = this._next - 1;
      if (this._calls.has(id)) {
        const header = { frame, file: { name }, size: bytes.length };
        this._socket.send(pack({ id, send: { plate_id: plateId, header } }));
        for (let at = 0; at < bytes.length; at += piece) {
          this._socket.send(pack({ id, send: { data: bytes.subarray(at, at + piece) } }));
        }
        this._socket.send(pack({ id, end: true }));
      }
      return call.done;
    }

    _wind(id, call) {
      this._never(call.timer);
      call.timer = this._later(() => {
        this._cancel(id);
        this._end(id, new CallError("DEADLINE_EXCEEDED", "The daemon fell silent: try again.", ""));
      }, ANSWER_MS);
    }

    async _greet(socket) {
      try {
        this.hello = await this.call("DaemonService/Hello", { api: API, client: "After Effects panel" });
      } catch (error) {
        if (this._socket !== socket) return; // it was lost meanwhile, and that was told
        if (error.code === "FAILED_PRECONDITION") { // another version: to ask again would not help
          this.close();
          this._changed("lost", error.message);
        } else this._drop(`The daemon does not answer: ${error.message}`);
        return;
      }
      this._pause = FIRST_PAUSE_MS;
      this._changed("connected", `Connected to Rotolink ${this.hello.version}.`);
    }

    _take(data) {
      let message;
      try {
        message = rotolink.bytes.unpack(new Uint8Array(data));
      } catch (error) {
        this._drop(error.message);
        return;
      }
      const call = message && this._calls.get(message.id);
      if (!call) return;
      if ("event" in message) {
        this._wind(message.id, call);
        try {
          call.taken(message.event);
        } catch (error) {
          this._end(message.id, error);
        }
      } else if ("ok" in message) this._end(message.id, null, message.ok);
      else if ("error" in message) {
        this._end(message.id, new CallError(message.error.code, message.error.detail, message.error.reason));
      }
    }

    _end(id, error, answer) {
      const call = this._calls.get(id);
      if (!call) return;
      this._calls.delete(id);
      this._never(call.timer);
      if (error) call.reject(error);
      else call.resolve(answer);
    }

    _failAll(sentence) {
      for (const id of [...this._calls.keys()]) this._end(id, new CallError("UNAVAILABLE", sentence, ""));
    }

    /** Gives the socket up, and comes back by another. */
    _drop(sentence) {
      const socket = this._socket;
      this._socket = null;
      if (socket) socket.close();
      this._lost(sentence);
    }

    _lost(sentence) {
      this._failAll("The daemon is gone in the middle; what was done by then stays.");
      if (this._closed) return;
      this._changed("lost", sentence);
      this._later(() => this.open(), this._pause);
      this._pause = Math.min(2 * this._pause, LONGEST_PAUSE_MS);
    }
  }

  rotolink.Connection = Connection;
  rotolink.CallError = CallError;
}(globalThis.Rotolink = globalThis.Rotolink || {}));
