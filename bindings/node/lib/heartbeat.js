// Ends connections whose peers do not answer. The core decides when to ping and when to give up; it
// is told the time by one timer for all connections.
'use strict';

const { performance } = require('perf_hooks');
// Those of Deno's global scope are numbers.
const { clearTimeout, setImmediate, setTimeout } = require('timers');

const native = require('./native');
const { protocol } = require('./constants');

// What the addon is told of a connection, in one byte: `heartbeat.rs`.
const RECEIVED = 1;
const WAITING = 2;
const QUEUED = 4;

// What the addon says is to be done.
const PING = 1;

/** The longest time that a timer can be set to. */
const MAX_TIME = 2 ** 31 - 1;

/** By the addon's number of a connection: what it is told, and the connection. */
let states = Buffer.alloc(0);
const connections = [];

let actions = new Int32Array(0);
let actionBytes = Buffer.alloc(0);

let timer = null;
let delay = 0;

/**
 * Checks the option `heartbeat`, and fills in the defaults.
 *
 * @param {(Boolean|Object)} [option]
 * @return {({interval: Number, timeout: Number}|null)} In milliseconds
 * @throws {TypeError|RangeError}
 */
function resolveHeartbeat(option) {
  if (option === undefined || option === null || option === false) return null;

  if (option !== true && typeof option !== 'object') {
    throw new TypeError('The "heartbeat" option must be an object with "interval" and "timeout"');
  }

  const { interval = protocol.HEARTBEAT_INTERVAL, timeout = protocol.HEARTBEAT_TIMEOUT } = option;

  for (const [name, value] of Object.entries({ interval, timeout })) {
    if (typeof value !== 'number' || !(value >= 1 && value <= MAX_TIME)) {
      throw new RangeError(
        `The "heartbeat.${name}" option must be a number of milliseconds from 1 to ${MAX_TIME}`
      );
    }
  }

  return { interval, timeout };
}

/** The heartbeat of one connection. */
class Heartbeat {
  /**
   * @param {{interval: Number, timeout: Number}} times
   * @param {Object} owner Has `_sendHeartbeat` and `_onHeartbeatTimeout`
   */
  constructor({ interval, timeout }, owner) {
    this._owner = owner;
    this._id = native.openHeartbeat(interval, timeout);
    if (this._id >= states.length) grow(this._id);
    states[this._id] = WAITING;
    connections[this._id] = this;
    schedule(native.heartbeatDelay(this._id));
  }

  /** Something has come from the peer. */
  onReceived() {
    if (this._id !== -1) states[this._id] |= RECEIVED;
  }

  /** Silence counts only while the socket is read from. */
  setWaiting(isWaiting) {
    if (this._id === -1) return;
    if (isWaiting) states[this._id] |= WAITING;
    else states[this._id] &= ~WAITING;
  }

  stop() {
    if (this._id === -1) return;
    native.closeHeartbeat(this._id);
    connections[this._id] = undefined;
    this._id = -1;
  }

  _act(action) {
    if (action !== PING) {
      this._owner._onHeartbeatTimeout();
      return;
    }

    states[this._id] |= QUEUED;
    this._owner._sendHeartbeat(() => {
      if (this._id !== -1) states[this._id] &= ~QUEUED;
    });
  }
}

function grow(id) {
  const length = Math.max(16, 2 * id);
  states = Buffer.concat([states], length);
  actions = new Int32Array(1 + 2 * length);
  actionBytes = Buffer.from(actions.buffer);
}

function schedule(wanted) {
  if (timer !== null && delay <= wanted) return;
  clearTimeout(timer);
  delay = wanted;
  // What the sockets have received is read before: a process that was busy takes no peer for dead.
  timer = setTimeout(setImmediate, delay, tick);
  timer.unref();
}

function rethrow(err) {
  throw err;
}

function tick() {
  // `schedule` may have set another one since this one has fired.
  clearTimeout(timer);
  timer = null;
  const count = native.tickHeartbeats(performance.now(), states, actionBytes);
  const [next] = actions;
  const due = Array.from({ length: count }, (_, i) => [
    connections[actions[1 + 2 * i]],
    actions[2 + 2 * i]
  ]);
  if (next > 0) schedule(next);

  for (const [heartbeat, action] of due) {
    // One that ends may end others.
    if (heartbeat._id === -1) continue;

    try {
      heartbeat._act(action);
    } catch (err) {
      // What a custom socket throws is not to keep the others from being pinged.
      process.nextTick(rethrow, err);
    }
  }
}

module.exports = { Heartbeat, resolveHeartbeat };
