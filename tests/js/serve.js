// Answers jobs, a line of JSON each, {program, job}, by a line {result} or {failed}: one Node.js for all tests.
"use strict";

const readline = require("node:readline");

async function answer(line) {
  try {
    const { program, job } = JSON.parse(line);
    return { result: await require(`./${program}.js`).run(job) };
  } catch (error) {
    return { failed: String(error.stack ?? error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
  process.exit(0);
}

main();
