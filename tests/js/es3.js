// What a realm of JavaScript must forget to be one of ECMAScript 3, as ExtendScript is.
"use strict";

const GLOBALS = `Object Function Array String Boolean Number Date RegExp Error EvalError RangeError ReferenceError SyntaxError
  TypeError URIError Math NaN Infinity undefined eval parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI
  encodeURIComponent escape unescape`;

const MEMBERS = {
  Object: "prototype length name",
  "Object.prototype": "constructor toString toLocaleString valueOf hasOwnProperty isPrototypeOf propertyIsEnumerable",
  "Function.prototype": "constructor length name apply call toString",
  Array: "prototype length name",
  "Array.prototype": "constructor length toString toLocaleString concat join pop push reverse shift slice sort splice unshift",
  String: "prototype length name fromCharCode",
  "String.prototype": `constructor length toString valueOf charAt charCodeAt concat indexOf lastIndexOf localeCompare match
    replace search slice split substring substr toLowerCase toLocaleLowerCase toUpperCase toLocaleUpperCase`,
  Number: "prototype length name MAX_VALUE MIN_VALUE NaN NEGATIVE_INFINITY POSITIVE_INFINITY",
  "Number.prototype": "constructor toString toLocaleString valueOf toFixed toExponential toPrecision",
  Math: `E LN10 LN2 LOG2E LOG10E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil cos exp floor log max min pow random round sin
    sqrt tan`,
  Date: "prototype length name parse UTC",
};

// Runs inside the realm, and needs nothing of what it has deleted already.
const FORGET = `(function (globals, members) {
  var realm = globalThis, namesOf = Object.getOwnPropertyNames, paths = namesOf(members), holders = {}, k;
  var drop = function (holder, kept) {
    var known = " " + kept.split(/\\s+/).join(" ") + " ", all = namesOf(holder);
    for (var n = 0; n < all.length; n += 1) if (known.split(" " + all[n] + " ").length === 1) delete holder[all[n]];
  };
  delete Date.prototype.toISOString;
  delete Date.prototype.toJSON;
  for (k = 0; k < paths.length; k += 1) {
    var parts = paths[k].split(".");
    holders[paths[k]] = parts.length > 1 ? realm[parts[0]][parts[1]] : realm[parts[0]];
  }
  for (k = 0; k < paths.length; k += 1) drop(holders[paths[k]], members[paths[k]]);
  drop(realm, globals);
})`;

/** Makes a context's realm forget what came after ECMAScript 3. */
function forget(vm, context) {
  vm.runInContext(FORGET, context)(GLOBALS, MEMBERS);
}

module.exports = { forget };
