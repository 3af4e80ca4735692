// A stand-in for After Effects' document model, as far as scripts that make masks touch it.
//
// It fails where After Effects fails, and is stricter: a member that is not known throws, on reading too; what
// addProperty returns tells its index and nothing else; every change outside an undo group is told.
"use strict";

const STATE = Symbol("state");
const INVALID = "Object is invalid";

/** An object of the host: members that its class does not have throw, and so does all of it once it is dead. */
class Host {
  constructor() {
    return new Proxy(this, {
      get(target, key, receiver) {
        if (typeof key === "symbol") return Reflect.get(target, key, receiver);
        if (target[STATE]?.isDead?.(key)) throw new Error(INVALID);
        if (!(key in target)) throw new Error(`${target.constructor.name} has no member '${key}'`);
        return Reflect.get(target, key, receiver);
      },
      set(target, key, value, receiver) {
        if (typeof key === "symbol") return Reflect.set(target, key, value, receiver);
        if (target[STATE]?.isDead?.(key)) throw new Error(INVALID);
        let holder = target;
        while (holder && !Object.getOwnPropertyDescriptor(holder, key)) holder = Object.getPrototypeOf(holder);
        if (!holder || !Object.getOwnPropertyDescriptor(holder, key).set) {
          throw new Error(`${target.constructor.name} has no member '${key}' to write`);
        }
        return Reflect.set(target, key, value, receiver);
      },
    });
  }
}

function names(owner, ...keys) {
  return Object.freeze(Object.fromEntries(keys.map((key) => [key, Object.freeze({ toString: () => `${owner}.${key}` })])));
}

const MaskMode = names("MaskMode", "NONE", "ADD", "SUBTRACT", "INTERSECT", "LIGHTEN", "DARKEN", "DIFFERENCE");
const KeyframeInterpolationType = names("KeyframeInterpolationType", "LINEAR", "BEZIER", "HOLD");
const MaskFeatherFalloff = names("MaskFeatherFalloff", "FFO_SMOOTH", "FFO_LINEAR");
const TrackMatteType = names("TrackMatteType", "ALPHA", "ALPHA_INVERTED", "LUMA", "LUMA_INVERTED", "NO_TRACK_MATTE");

function require_(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

function oneOf(values, value, what) {
  require_(Object.values(values).includes(value), `${what} is no value of its enumeration: ${value}`);
  return value;
}

function finite(value, what) {
  require_(typeof value === "number" && Number.isFinite(value), `${what} is no finite number: ${value}`);
  return value;
}

function text(value, what) {
  require_(typeof value === "string", `${what} is no text: ${value}`);
  return value;
}

/** Copies rows of numbers out of the script's realm. */
function rows(value, length, what) {
  return Array.from(value, (row) => {
    const copy = Array.from(row, (number) => finite(number, what));
    require_(copy.length === length, `${what} needs ${length} numbers`);
    return copy;
  });
}

const PER_VERTEX = ["vertices", "inTangents", "outTangents"];
const PER_FEATHER = {
  featherSegLocs: (v) => Number.isInteger(v) && v >= 0,
  featherRelSegLocs: (v) => v >= 0 && v <= 1,
  featherRadii: () => true,
  featherInterps: (v) => v === 0 || v === 1,
  featherTensions: (v) => v >= 0 && v <= 1,
  featherTypes: (v) => v === 0 || v === 1,
  featherRelCornerAngles: (v) => v >= 0 && v <= 100,
};

class Shape extends Host {
  constructor() {
    super();
    this[STATE] = { closed: true };
    for (const key of [...PER_VERTEX, ...Object.keys(PER_FEATHER)]) this[STATE][key] = [];
  }
  get closed() { return this[STATE].closed; }
  set closed(value) {
    require_(typeof value === "boolean", "closed is true or false");
    this[STATE].closed = value;
  }
}
for (const key of PER_VERTEX) {
  Object.defineProperty(Shape.prototype, key, {
    get() { return this[STATE][key].map((row) => [...row]); },
    set(value) { this[STATE][key] = rows(value, 2, key); },
  });
}
for (const [key, fits] of Object.entries(PER_FEATHER)) {
  Object.defineProperty(Shape.prototype, key, {
    get() { return [...this[STATE][key]]; },
    set(value) {
      this[STATE][key] = Array.from(value, (number) => {
        require_(fits(finite(number, key)), `${key} cannot be ${number}`);
        return number;
      });
    },
  });
}

/** Returns a copy of a shape that a property can hold. */
function checkedShape(value) {
  require_(value instanceof Shape, "a mask's path takes a Shape");
  const shape = structuredClone(value[STATE]);
  const count = shape.vertices.length;
  require_(shape.inTangents.length === count && shape.outTangents.length === count, "tangents and vertices differ in number");
  const points = shape.featherSegLocs.length;
  for (const key of Object.keys(PER_FEATHER)) require_(shape[key].length === points, "feather lists differ in length");
  require_(count >= 1, "a Shape needs a vertex");
  require_(!points || shape.closed, "feather points need a closed mask");
  require_(shape.featherSegLocs.every((at) => at < count), "a feather point lies on no segment");
  shape.featherTypes.forEach((type, at) =>
    require_(type === 1 ? shape.featherRadii[at] <= 0 : shape.featherRadii[at] >= 0, "a radius contradicts its type"));
  return shape;
}

function checkedNumber(low, high) {
  return (value) => {
    finite(value, "value");
    require_(value >= low && value <= high, `${value} is outside ${low} to ${high}`);
    return value;
  };
}

const mixed = (a, b, share) => a + (b - a) * share;

function mixedShape(a, b, share) {
  require_(a.vertices.length === b.vertices.length, "unequal vertex counts");
  const between = structuredClone(a);
  for (const key of PER_VERTEX) between[key] = a[key].map((row, k) => row.map((v, axis) => mixed(v, b[key][k][axis], share)));
  between.featherRadii = a.featherRadii.map((v, k) => mixed(v, b.featherRadii[k], share));
  return between;
}

const KINDS = {
  "ADBE Mask Shape": { title: "Mask Path", check: checkedShape, mix: mixedShape, value: null },
  "ADBE Mask Feather": { title: "Mask Feather", check: (v) => rows([v], 2, "feather")[0], mix: null, value: [0, 0] },
  "ADBE Mask Opacity": { title: "Mask Opacity", check: checkedNumber(0, 100), mix: mixed, value: 100 },
  "ADBE Mask Offset": { title: "Mask Expansion", check: checkedNumber(-32000, 32000), mix: mixed, value: 0 },
};

function shapeFrom(state) {
  const made = new Shape();
  made[STATE] = structuredClone(state);
  return made;
}

const given = (matchName, value) => (matchName === "ADBE Mask Shape" ? shapeFrom(value) : structuredClone(value));

/** The state of a property: its keys, and what it shows at a time. */
class Animated {
  constructor(matchName) {
    this.kind = KINDS[matchName];
    this.matchName = matchName;
    this.still = this.kind.value;
    this.keys = [];
  }
  at(time) {
    const { keys } = this;
    if (!keys.length) return this.still;
    const after = keys.findIndex((key) => key.time > time + 1e-9);
    if (after === 0) return keys[0].value;
    const here = after < 0 ? keys[keys.length - 1] : keys[after - 1];
    if (after < 0 || here.out === KeyframeInterpolationType.HOLD) return here.value;
    const there = keys[after];
    require_(here.out === KeyframeInterpolationType.LINEAR && there.into === KeyframeInterpolationType.LINEAR, "an eased key");
    return this.kind.mix(here.value, there.value, (time - here.time) / (there.time - here.time));
  }
}

function keyOf(property, index) {
  const { keys } = property[STATE].animated;
  require_(Number.isInteger(index) && index >= 1 && index <= keys.length, `there is no key ${index}`);
  return keys[index - 1];
}

class Property extends Host {
  constructor(animated, world, isDead) {
    super();
    this[STATE] = { animated, world, isDead };
  }
  get matchName() { return this[STATE].animated.matchName; }
  get numKeys() { return this[STATE].animated.keys.length; }
  get value() {
    const { animated, world } = this[STATE];
    return given(animated.matchName, animated.at(world.time));
  }
  keyTime(index) { return keyOf(this, index).time; }
  keyValue(index) { return given(this[STATE].animated.matchName, keyOf(this, index).value); }
  setValue(value) {
    const { animated, world } = this[STATE];
    world.changes(`setValue of ${animated.matchName}`);
    require_(!animated.keys.length, "setValue: the property has keyframes");
    animated.still = animated.kind.check(value);
  }
  setValuesAtTimes(times, values) {
    const { animated, world } = this[STATE];
    world.changes(`setValuesAtTimes of ${animated.matchName}`);
    require_(times.length === values.length && times.length > 0, "setValuesAtTimes: lists of unequal length, or empty");
    Array.from(times).forEach((time, k) => {
      finite(time, "time");
      const key = { time, value: animated.kind.check(values[k]), into: world.newKeys, out: world.newKeys };
      animated.keys = animated.keys.filter((other) => Math.abs(other.time - time) > 1e-6);
      animated.keys.push(key);
    });
    animated.keys.sort((a, b) => a.time - b.time);
  }
  setInterpolationTypeAtKey(index, into, out = into) {
    const { animated, world } = this[STATE];
    world.changes(`setInterpolationTypeAtKey of ${animated.matchName}`);
    const key = keyOf(this, index);
    key.into = oneOf(KeyframeInterpolationType, into, "interpolation");
    key.out = oneOf(KeyframeInterpolationType, out, "interpolation");
  }
}

const MASK_DEFAULTS = {
  name: "", maskMode: MaskMode.ADD, inverted: false, rotoBezier: false, locked: false, color: [1, 1, 0],
  maskFeatherFalloff: MaskFeatherFalloff.FFO_SMOOTH,
};
const flag = (value) => { require_(typeof value === "boolean", "true or false is needed"); return value; };
const MASK_MEMBERS = {
  name: (v) => text(v, "name"),
  maskMode: (v) => oneOf(MaskMode, v, "maskMode"),
  inverted: flag,
  rotoBezier: flag,
  locked: flag,
  color: (v) => rows([v], 3, "color")[0].map(checkedNumber(0, 1)),
  maskFeatherFalloff: (v) => oneOf(MaskFeatherFalloff, v, "maskFeatherFalloff"),
};

class MaskPropertyGroup extends Host {
  constructor(mask, index, world, isDead, parade) {
    super();
    this[STATE] = { mask, index, world, isDead, parade };
  }
  remove() {
    const { mask, world, parade } = this[STATE];
    world.changes("remove of a mask");
    parade.generation += 1;
    parade.masks.splice(parade.masks.indexOf(mask), 1);
  }
  get propertyIndex() { return this[STATE].index; }
  property(name) {
    const { mask, world, isDead } = this[STATE];
    const found = mask.properties.find((each) => [each.matchName, each.kind.title].includes(name));
    return found ? new Property(found, world, () => isDead()) : null;
  }
}
for (const [key, check] of Object.entries(MASK_MEMBERS)) {
  Object.defineProperty(MaskPropertyGroup.prototype, key, {
    get() { return this[STATE].mask[key]; },
    set(value) {
      this[STATE].world.changes(`${key} of a mask`);
      this[STATE].mask[key] = check(value);
    },
  });
}

class PropertyGroup extends Host {
  constructor(parade, world) {
    super();
    this[STATE] = { parade, world };
  }
  get numProperties() { return this[STATE].parade.masks.length; }
  property(index) {
    const { parade, world } = this[STATE];
    require_(typeof index === "number", "masks are fetched by their numbers here");
    require_(Number.isInteger(index) && index >= 1 && index <= parade.masks.length, `there is no property ${index}`);
    const { generation } = parade;
    return new MaskPropertyGroup(parade.masks[index - 1], index, world, () => parade.generation !== generation, parade);
  }
  addProperty(matchName) {
    const { parade, world } = this[STATE];
    world.changes("addProperty");
    require_(matchName === "ADBE Mask Atom", `a mask parade takes no '${matchName}'`);
    parade.generation += 1;
    parade.masks.push({ ...MASK_DEFAULTS, properties: Object.keys(KINDS).map((kind) => new Animated(kind)) });
    const added = parade.masks.length;
    return new MaskPropertyGroup(parade.masks[added - 1], added, world, (key) => key !== "propertyIndex", parade);
  }
}

class FileSource extends Host {
  constructor(file) {
    super();
    this[STATE] = { file };
  }
  get file() { return this[STATE].file === null ? null : Object.freeze({ fsName: this[STATE].file }); }
}

class FootageItem extends Host {
  constructor({ name = "", width, height, pixelAspect, file = null, frameRate = 0, footageMissing = false, useProxy = false }) {
    super();
    this[STATE] = { name, width, height, pixelAspect, file, frameRate, footageMissing, useProxy };
  }
  get mainSource() { return new FileSource(this[STATE].file); }
}
for (const key of ["name", "width", "height", "pixelAspect", "file", "frameRate", "footageMissing", "useProxy"]) {
  Object.defineProperty(FootageItem.prototype, key, { get() { return this[STATE][key]; } });
}

class Layer extends Host {
  constructor(facts, world) {
    super();
    this[STATE] = {
      startTime: 0, stretch: 100, timeRemapEnabled: false, comment: "", matte: null, ...facts, world,
      parade: { masks: [], generation: 0 },
    };
  }
  get name() { return this[STATE].name; }
  get startTime() { return this[STATE].startTime; }
  get stretch() { return this[STATE].stretch; }
  get comment() { return this[STATE].comment; }
  set comment(value) {
    this[STATE].world.changes("comment");
    this[STATE].comment = text(value, "comment");
  }
  property(name) {
    const has = this[STATE].hasMasks !== false && ["ADBE Mask Parade", "Masks"].includes(name);
    return has ? new PropertyGroup(this[STATE].parade, this[STATE].world) : null;
  }
}

class AVLayer extends Layer {
  get source() { return this[STATE].source; }
  get timeRemapEnabled() { return this[STATE].timeRemapEnabled; }
  get setTrackMatte() {
    const { world } = this[STATE];
    if (world.major < 23) return undefined;
    return (layer, type) => {
      world.changes("setTrackMatte");
      require_(layer instanceof Layer && layer !== this, "setTrackMatte takes another layer");
      this[STATE].matte = { layer: layer.name, type: String(oneOf(TrackMatteType, type, "track matte")) };
    };
  }
}

class TextLayer extends AVLayer {
  get source() { return null; }
}

class ShapeLayer extends Layer {
  get source() { return undefined; }
  get timeRemapEnabled() { return false; }
}

class LayerCollection extends Host {
  constructor(comp) {
    super();
    this[STATE] = comp;
  }
  addSolid(color, name, width, height, pixelAspect, duration) {
    const { world, layers } = this[STATE];
    world.changes("addSolid");
    rows([color], 3, "color")[0].forEach((part) => checkedNumber(0, 1)(part));
    for (const size of [width, height]) require_(Number.isInteger(size) && size >= 4 && size <= 30000, `a solid of ${size} px`);
    checkedNumber(0.01, 100)(pixelAspect);
    checkedNumber(0.001, 10800)(duration);
    const solid = new AVLayer({ name: text(name, "name"), source: new FootageItem({ width, height, pixelAspect }) }, world);
    layers.unshift(solid);
    return solid;
  }
}

class CompItem extends Host {
  constructor(facts, layers, selected, world) {
    super();
    this[STATE] = { name: "comp", resolutionFactor: [2, 2], ...facts, layers, selected, world };
  }
  get name() { return this[STATE].name; }
  get footageMissing() { return false; }
  get useProxy() { return false; }
  get time() { return this[STATE].world.time; }
  set time(value) {
    require_(finite(value, "time") >= 0 && value < this[STATE].duration, `the time ${value} is outside the composition`);
    this[STATE].world.time = value;
  }
  get resolutionFactor() { return [...this[STATE].resolutionFactor]; }
  set resolutionFactor(value) {
    const [factor] = rows([value], 2, "resolutionFactor");
    require_(factor.every((part) => Number.isInteger(part) && part >= 1 && part <= 99), `a resolution of ${factor}`);
    this[STATE].resolutionFactor = factor;
  }
  get numLayers() { return this[STATE].layers.length; }
  layer(index) {
    const { layers } = this[STATE];
    require_(Number.isInteger(index) && index >= 1 && index <= layers.length, `there is no layer ${index}`);
    return layers[index - 1];
  }
  /** The file comes later: `save` of `open` writes it, and asks only then how finely it is rendered. */
  saveFrameToPng(time, file) {
    require_(finite(time, "time") >= 0 && time < this[STATE].duration, `the time ${time} is outside the composition`);
    return this[STATE].world.save({ time, file, factor: () => this.resolutionFactor });
  }
  get width() { return this[STATE].width; }
  get height() { return this[STATE].height; }
  get pixelAspect() { return this[STATE].pixelAspect; }
  get frameRate() { return this[STATE].frameRate; }
  get frameDuration() { return 1 / this[STATE].frameRate; }
  get duration() { return this[STATE].duration; }
  get layers() { return new LayerCollection(this[STATE]); }
  get selectedLayers() { return [...this[STATE].selected]; }
}

class Project extends Host {
  constructor(item) {
    super();
    this[STATE] = { item };
  }
  get activeItem() { return this[STATE].item; }
}

class Application extends Host {
  constructor(project, world) {
    super();
    this[STATE] = { project, world };
  }
  get project() { return this[STATE].project; }
  get version() { return `${this[STATE].world.major}.0x1`; }
  beginUndoGroup(name) {
    text(name, "an undo group's name");
    this[STATE].world.depth += 1;
    this[STATE].world.groups += 1;
  }
  endUndoGroup() {
    require_(this[STATE].world.depth > 0, "endUndoGroup without a beginUndoGroup");
    this[STATE].world.depth -= 1;
  }
}

/**
 * Returns the globals of a script, and `dump(times)`, which tells the final state as plain data.
 *
 * setup: {comp: {width, height, pixelAspect, frameRate, duration} or null, layers: [{name, kind, width, height,
 * pixelAspect, startTime, stretch, timeRemapEnabled, file, frameRate, footageMissing, useProxy}], selected: [indices of
 * these], answer, version, newKeys}; kind is footage, comp, text or shape. save({time, file, factor}) renders a frame.
 */
function open(setup, save) {
  const world = {
    depth: 0, groups: 0, outside: [], time: 0, save, major: setup.version ?? 27,
    newKeys: KeyframeInterpolationType[setup.newKeys ?? "LINEAR"],
    changes(what) { if (!world.depth) world.outside.push(what); },
  };
  const alerts = [];
  const questions = [];
  const layers = (setup.layers ?? []).map(({ kind, width, height, pixelAspect, ...facts }) => {
    if (kind === "shape") return new ShapeLayer(facts, world);
    if (kind === "text") return new TextLayer(facts, world);
    const source = { ...facts, width, height, pixelAspect };
    return new AVLayer({ ...facts, source: kind === "comp" ? new CompItem(source, [], [], world) : new FootageItem(source) }, world);
  });
  const comp = setup.comp && new CompItem(setup.comp, layers, (setup.selected ?? []).map((at) => layers[at]), world);
  const app = new Application(new Project(comp ?? null), world);
  const globals = {
    app, Shape, MaskMode, KeyframeInterpolationType, MaskFeatherFalloff, TrackMatteType, CompItem,
    alert: (message) => { alerts.push(text(message, "alert")); },
    confirm: (message) => { questions.push(text(message, "confirm")); return Boolean(setup.answer ?? true); },
  };
  if (world.major < 23) delete globals.TrackMatteType;
  const dump = (times) => ({
    alerts, questions, time: world.time, factor: comp && comp.resolutionFactor, depth: world.depth, groups: world.groups, outside: world.outside,
    layers: (comp ? comp[STATE].layers : []).map((layer) => ({
      name: layer.name, comment: layer.comment, matte: layer[STATE].matte,
      masks: layer[STATE].parade.masks.map((mask) => ({
        ...mask, maskMode: String(mask.maskMode), maskFeatherFalloff: String(mask.maskFeatherFalloff), properties: undefined,
        keys: Object.fromEntries(mask.properties.map((each) => [each.matchName, each.keys.map((key) => key.time)])),
        shown: Object.fromEntries(mask.properties.map((each) => [each.matchName, times.map((time) => each.at(time))])),
      })),
    })),
  });
  return { globals, dump };
}

module.exports = { open };
