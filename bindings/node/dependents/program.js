// What the programs of dependents have in common.
'use strict';

const assert = require('assert');
const { createServer } = require('http');
const { createRequire } = require('module');
const { once } = require('events');

/** The exit status of a program that this machine lacks something for. */
const LEFT_OUT = 3;

/** Loads from the directory in which the dependent is installed, where the program is run. */
const load = createRequire(`${process.cwd()}/`);

/** Waits for a promise, or throws an error that says what did not happen. */
async function within(what, promise, milliseconds = 15_000) {
  let timer;
  const late = new Promise((resolve, reject) => {
    const error = new Error(`did not happen within ${milliseconds} ms: ${what}`);
    timer = setTimeout(reject, milliseconds, error);
  });

  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until a condition holds. */
async function until(what, condition) {
  let over = false;
  const poll = async () => {
    while (!over && !(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  await within(what, poll()).finally(() => (over = true));
}

/** Lets an HTTP server listen on a free port, and returns the port. */
async function listen(http) {
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return http.address().port;
}

/** A port that was free a moment ago, for what cannot be told to take any. */
async function freePort() {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Collects messages as text, for `next`, which waits for one that a function accepts. */
function inbox(ws) {
  const messages = [];
  ws.on('message', (data) => messages.push(data.toString()));

  const next = async (what, accepts = () => true) => {
    let index = -1;
    const arrived = () => (index = messages.findIndex(accepts)) >= 0;

    await until(what, arrived).catch((err) => {
      throw new Error(`${err.message}; received: ${JSON.stringify(messages).slice(0, 1000)}`);
    });
    return messages.splice(index, 1)[0];
  };

  return { messages, next };
}

/** Runs a program, and ends the process with its result, whatever is still open. */
function run(main) {
  main().then(
    () => process.exit(0),
    (err) => {
      console.error(err);
      process.exit(1);
    }
  );
}

/** Ends a program that cannot be run on this machine. */
function leaveOut(why) {
  console.error(why);
  process.exit(LEFT_OUT);
}

module.exports = {
  LEFT_OUT,
  assert,
  freePort,
  inbox,
  leaveOut,
  listen,
  load,
  once,
  run,
  until,
  within
};
