// The interface of browsers, as far as `ws` 7 has it: events are plain objects.
'use strict';

class Event {
  constructor(type, target) {
    this.target = target;
    this.type = type;
  }
}

class MessageEvent extends Event {
  constructor(target, data) {
    super('message', target);
    this.data = data;
  }
}

class CloseEvent extends Event {
  constructor(target, code, reason) {
    super('close', target);
    this.wasClean = target._closeFrameReceived && target._closeFrameSent;
    this.reason = reason;
    this.code = code;
  }
}

class OpenEvent extends Event {
  constructor(target) {
    super('open', target);
  }
}

class ErrorEvent extends Event {
  constructor(target, error) {
    super('error', target);
    this.message = error.message;
    this.error = error;
  }
}

const CLASSES = { open: OpenEvent, error: ErrorEvent, close: CloseEvent, message: MessageEvent };

const EventTarget = {
  /**
   * Adds a listener. It gets an object for 'open', 'message', 'close' and 'error'; for other
   * events, what a listener of `on` gets.
   *
   * @param {String} type The name of the event
   * @param {Function} listener Anything else is ignored
   * @param {Object} [options]
   * @param {Boolean} [options.once=false] Whether it is called once at most
   */
  addEventListener(type, listener, options) {
    if (typeof listener !== 'function') return;

    const method = options?.once ? 'once' : 'on';
    const Class = Object.hasOwn(CLASSES, type) ? CLASSES[type] : null;

    if (Class === null) {
      this[method](type, listener);
      return;
    }

    const wrapper = (...args) => listener.call(this, new Class(this, ...args));
    wrapper._listener = listener;
    this[method](type, wrapper);
  },

  /**
   * Removes a listener, however it was added.
   *
   * @param {String} type The name of the event
   * @param {Function} listener The listener
   */
  removeEventListener(type, listener) {
    for (const added of this.listeners(type)) {
      if (added === listener || added._listener === listener) this.removeListener(type, added);
    }
  }
};

/** Defines `onopen` and the like. Setting one replaces all that `addEventListener` has added. */
function defineProperties(prototype) {
  for (const type of Object.keys(CLASSES)) {
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get() {
        return this.listeners(type).find((listener) => listener._listener)?._listener;
      },
      set(listener) {
        for (const added of this.listeners(type)) {
          if (added._listener) this.removeListener(type, added);
        }

        this.addEventListener(type, listener);
      }
    });
  }
}

module.exports = { EventTarget, defineProperties };
