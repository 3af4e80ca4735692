// Answers jobs, a line of JSON each, {program, job}, by a line {result} or {failed}: one Node.js for all tests.
"use strict";

const readline = require("node:readline");

const used = new Set();

async function answer(line) {
  try {
    const { program, job } = JSON.parse(line);
    const module = require(`./${program}.js`);
    used.add(module);
    return { result: await module.run(job) };
  } catch (error) {
    return { failed: String(error.stack ?? error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
  for (const module of used) await module.close?.();
  process.exit(0);
}

main();
