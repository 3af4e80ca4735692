// The panel's connection before a socket that keeps the rules of browsers, and a clock that a test turns by hand.
"use strict";

const assert = require("node:assert/strict");
const { load } = require("./panel_core.js");

const { bytes, Connection } = load();

class Clock {
  constructor() {
    this.now = 0;
    this.timers = new Map();
    this.next = 1;
    this.setTimeout = (call, ms) => {
      assert.equal(typeof call, "function");
      assert.ok(Number.isFinite(ms) && ms >= 0);
      this.timers.set(this.next, { call, at: this.now + ms });
      return this.next++;
    };
    this.clearTimeout = (timer) => { this.timers.delete(timer); };
  }
  /** Turns on to the next timer that is due within so many milliseconds, again and again; returns the times of each. */
  async turn(ms) {
    const until = this.now + ms;
    const rung = [];
    for (;;) {
      const due = [...this.timers].filter(([, each]) => each.at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.now = due[1].at;
      rung.push(this.now);
      due[1].call();
      await settled();
    }
    this.now = until;
    return rung;
  }
}

const settled = () => new Promise((resolve) => { setImmediate(resolve); });

/** A daemon's end of sockets, which answers Hello, and keeps what else it is asked. */
function room({ hello = {}, refuse = null, up = true } = {}) {
  const clock = new Clock();
  const said = [];
  const here = { clock, said, sockets: [], asked: [], up, hello, refuse };
  class Socket {
    constructor(url, protocol) {
      assert.equal(url, "ws://127.0.0.1:1/ws");
      assert.equal(protocol, "roto.v1.msgpack");
      this.readyState = 0;
      here.sockets.push(this);
      setImmediate(() => {
        if (!here.up) { this.onerror({}); this.over(1006, ""); return; }
        if (here.refuse) { this.readyState = 1; this.onopen({}); this.over(here.refuse, "50 panels are open: close one."); return; }
        this.readyState = 1;
        this.onopen({});
      });
    }
    send(data) {
      if (this.readyState === 0) throw new Error("InvalidStateError");
      assert.ok(data instanceof Uint8Array);
      assert.equal(this.binaryType, "arraybuffer");
      if (this.readyState !== 1 || here.refuse) return;
      const message = bytes.unpack(data);
      if (message.op === "DaemonService/Hello" && here.hello) {
        assert.equal(message.args.api.major, 1);
        this.give({ id: message.id, ...(here.hello.error ? { error: here.hello.error } : { ok: { version: "0.1.0" } }) });
      } else here.asked.push(message);
    }
    give(message) { this.raw(bytes.pack(message)); }
    raw(data) { this.onmessage({ data: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) }); }
    close() { if (this.readyState < 2) { this.readyState = 2; setImmediate(() => this.over(1000, "")); } }
    over(code, reason) {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.onclose({ code, reason });
    }
  }
  const world = { Socket, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout };
  here.connection = new Connection("ws://127.0.0.1:1/ws", (state, sentence) => { said.push([state, sentence]); }, world);
  here.last = () => said[said.length - 1];
  here.socket = () => here.sockets[here.sockets.length - 1];
  return here;
}

async function opened(options) {
  const here = room(options);
  here.connection.open();
  for (let k = 0; k < 4; k += 1) await settled();
  return here;
}

const outcome = (promise) => promise.then((ok) => ({ ok }), (error) => ({ code: error.code, message: error.message, reason: error.reason }));

const TESTS = {
  async "a daemon that answers is told as connected, with its version"() {
    const here = await opened();
    assert.deepEqual(here.said.map(([state]) => state), ["connecting", "connected"]);
    assert.match(here.last()[1], /0\.1\.0/);
  },
  async "an absent daemon is looked for again, ever more rarely, and found when it is there"() {
    const here = await opened({ up: false });
    assert.equal(here.last()[0], "lost");
    assert.match(here.last()[1], /roto-daemon serve/);
    const rung = [];
    for (let k = 0; k < 60; k += 1) { rung.push(...await here.clock.turn(1000)); await settled(); await settled(); }
    const pauses = rung.map((at, k) => at - (k ? rung[k - 1] : 0));
    assert.equal(pauses[0], 250);
    assert.ok(pauses.every((pause, k) => k === 0 || pause >= pauses[k - 1]), String(pauses));
    assert.equal(pauses[pauses.length - 1], 8000);
    here.up = true;
    await here.clock.turn(8000);
    for (let k = 0; k < 4; k += 1) await settled();
    assert.equal(here.last()[0], "connected");
    here.socket().over(1006, "");
    await here.clock.turn(250);
    for (let k = 0; k < 4; k += 1) await settled();
    assert.equal(here.last()[0], "connected", "the first pause is short again");
  },
  async "calls under way when the daemon goes end with a sentence"() {
    const here = await opened();
    const call = outcome(here.connection.call("A/B", {}));
    here.socket().over(1006, "");
    const { code, message } = await call;
    assert.equal(code, "UNAVAILABLE");
    assert.match(message, /gone in the middle/);
    assert.match((await outcome(here.connection.call("A/B", {}))).message, /wait until it is back/);
  },
  async "a daemon that is full says so in its own words, and is asked again"() {
    const here = await opened({ refuse: 1013 });
    assert.match(here.last()[1], /50 panels are open: close one\./);
    here.refuse = null;
    await here.clock.turn(250);
    for (let k = 0; k < 4; k += 1) await settled();
    assert.equal(here.last()[0], "connected");
  },
  async "a silent daemon ends a call with a sentence and is told to stop, and each event winds the clock anew"() {
    const here = await opened();
    const events = [];
    const call = here.connection.stream("A/B", {}, (event) => events.push(event));
    const ends = outcome(call.done);
    const { id } = here.asked[0];
    await here.clock.turn(149000);
    here.socket().give({ id, event: { k: 1 } });
    await here.clock.turn(149000);
    assert.equal(here.asked.length, 1);
    await here.clock.turn(2000);
    assert.deepEqual({ ...(await ends) }, { code: "DEADLINE_EXCEEDED", message: "The daemon fell silent: try again.", reason: "" });
    assert.deepEqual({ ...here.asked[1] }, { id, cancel: true });
    here.socket().give({ id, event: { k: 2 } }); // late, and of no call
    assert.equal(events.length, 1);
    assert.equal(here.clock.timers.size, 0);
  },
  async "an error comes with its code, sentence and reason"() {
    const here = await opened();
    const ends = outcome(here.connection.call("A/B", {}));
    here.socket().give({ id: here.asked[0].id, error: { code: "NOT_FOUND", detail: "There is no plate.", reason: "UnknownError" } });
    assert.deepEqual(await ends, { code: "NOT_FOUND", message: "There is no plate.", reason: "UnknownError" });
  },
  async "a daemon of another version is told once and not asked again"() {
    const here = await opened({ hello: { error: { code: "FAILED_PRECONDITION", detail: "Update the panel.", reason: "VersionError" } } });
    assert.deepEqual(here.last(), ["lost", "Update the panel."]);
    await here.clock.turn(100000);
    assert.equal(here.sockets.length, 1);
  },
  async "a daemon that refuses the greeting otherwise is tried again"() {
    const here = await opened({ hello: { error: { code: "UNAUTHENTICATED", detail: "The token is wrong.", reason: "TokenError" } } });
    assert.match(here.last()[1], /does not answer: The token is wrong\./);
    here.hello = {};
    await here.clock.turn(250);
    for (let k = 0; k < 4; k += 1) await settled();
    assert.equal(here.last()[0], "connected");
    assert.equal(here.sockets[0].readyState, 3);
  },
  async "bytes that are no message end the socket with a sentence, and a new one follows"() {
    const here = await opened();
    const call = outcome(here.connection.call("A/B", {}));
    here.socket().raw(new Uint8Array([0xc1, 0xff]));
    assert.match(here.last()[1], /damaged/);
    assert.equal((await call).code, "UNAVAILABLE");
    await here.clock.turn(250);
    for (let k = 0; k < 4; k += 1) await settled();
    assert.equal(here.last()[0], "connected");
    assert.equal(here.sockets.length, 2);
  },
  async "messages that are none of ours change nothing"() {
    const here = await opened();
    const ends = outcome(here.connection.call("A/B", {}));
    for (const other of [7, null, "x", [], {}, { id: null, error: {} }, { id: 999, ok: {} }, { id: here.asked[0].id }]) here.socket().give(other);
    here.socket().give({ id: here.asked[0].id, ok: { fine: true } });
    assert.deepEqual({ ...(await ends).ok }, { fine: true });
  },
  async "a message larger than the daemon takes is refused here, with a sentence, and is not sent"() {
    const here = await opened();
    const { code, message } = await outcome(here.connection.call("A/B", { data: new Uint8Array(2 << 20) }));
    assert.equal(code, "RESOURCE_EXHAUSTED");
    assert.match(message, /more than the daemon takes/);
    assert.equal(here.asked.length, 0);
  },
  async "a taker that throws ends its own call alone"() {
    const here = await opened();
    const bad = outcome(here.connection.stream("A/B", {}, () => { throw new Error("cannot be drawn"); }).done);
    const good = outcome(here.connection.call("A/C", {}));
    here.socket().give({ id: here.asked[0].id, event: {} });
    here.socket().give({ id: here.asked[1].id, ok: {} });
    assert.equal((await bad).message, "cannot be drawn");
    assert.ok("ok" in (await good));
  },
  async "an upload goes as a header, pieces and an end"() {
    const here = await opened();
    const ends = outcome(here.connection.upload("p", 7, "frame.png", new Uint8Array([1, 2, 3, 4, 5]), 2));
    const [begin, header, ...rest] = here.asked.map(({ id, ...each }) => each);
    assert.equal(begin.op, "PlateService/UploadFrames");
    assert.ok(!("args" in begin));
    assert.equal(header.send.header.size, 5);
    assert.deepEqual(rest.slice(0, -1).map((each) => [...each.send.data]), [[1, 2], [3, 4], [5]]);
    assert.equal(rest[rest.length - 1].end, true);
    here.socket().give({ id: here.asked[0].id, ok: {} });
    assert.ok("ok" in (await ends));
  },
  async "a panel that is closed looks for no daemon any more"() {
    const here = await opened();
    const call = outcome(here.connection.call("A/B", {}));
    here.connection.close();
    assert.match((await call).message, /was closed/);
    await here.clock.turn(60000);
    assert.equal(here.sockets.length, 1);
    assert.equal(here.clock.timers.size, 0);
  },
};

/** Runs the test of a name, or tells all names. */
async function run(name) {
  if (!name) return Object.keys(TESTS);
  await TESTS[name]();
  return null;
}

module.exports = { run };
