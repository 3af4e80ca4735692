// Says what is wrong with a script's grammar, or null.
"use strict";

const acorn = require("acorn");

function run({ script, version }) {
  try {
    acorn.parse(script, { ecmaVersion: version, sourceType: "script", ...(version === 3 ? { allowReserved: "never" } : {}) });
    return null;
  } catch (error) {
    return String(error.message);
  }
}

module.exports = { run };
