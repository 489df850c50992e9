// Loaded before an example of a README: reports the port, and lets the driver move the clock.
'use strict';

const net = require('net');

/** Timers this long are not waited for: they fire when the driver says so. */
const MIN_HELD = 30_000;

const { listen } = net.Server.prototype;

net.Server.prototype.listen = function (port, ...rest) {
  const callback = rest.find((arg) => typeof arg === 'function');
  this.once('listening', () => process.send({ port: this.address().port }));
  return listen.call(this, port, '127.0.0.1', callback);
};

/** They keep the process alive. */
const held = new Map();

for (const [set, clear] of [
  ['setTimeout', 'clearTimeout'],
  ['setInterval', 'clearInterval']
]) {
  const [setReal, clearReal] = [global[set], global[clear]];

  global[set] = (callback, delay, ...args) => {
    if (!(delay >= MIN_HELD)) return setReal(callback, delay, ...args);
    const timer = setReal(callback, delay, ...args);
    held.set(timer, { fire: () => callback(...args), isOnce: set === 'setTimeout' });
    return timer;
  };

  global[clear] = (timer) => {
    held.delete(timer);
    clearReal(timer);
  };
}

process.on('message', ({ tick }) => {
  if (!tick) return;

  for (const [timer, { fire, isOnce }] of [...held]) {
    if (isOnce) clearTimeout(timer);
    fire();
  }

  process.send({ ticked: held.size });
});
// Node's test runner also runs the files of this directory, without a channel.
process.channel?.unref();

// What an example says is for the reader to write.
global.authenticate = (request, done) => {
  const { authorization } = request.headers;
  if (authorization === undefined) done(new Error('no one'));
  else setImmediate(done, null, authorization);
};
