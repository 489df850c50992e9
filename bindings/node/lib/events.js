// The interface of browsers: events as objects, and listeners for them.
'use strict';

const kType = Symbol('type');
const kTarget = Symbol('target');
const kInit = Symbol('init');
const kListener = Symbol('listener');
const kIsProperty = Symbol('is-property');

/** Makes getters enumerable, as those of browsers are. */
function enumerable(Class, names) {
  for (const name of names) {
    Object.defineProperty(Class.prototype, name, { enumerable: true });
  }
}

class Event {
  /**
   * @param {String} type The name of the event
   */
  constructor(type) {
    this[kType] = type;
    this[kTarget] = null;
  }

  /** What it happened to. */
  get target() {
    return this[kTarget];
  }

  /** The name of the event. */
  get type() {
    return this[kType];
  }
}

class CloseEvent extends Event {
  /**
   * @param {String} type The name of the event
   * @param {Object} [init]
   * @param {Number} [init.code=0] The code of the peer's close frame
   * @param {String} [init.reason=''] Its reason
   * @param {Boolean} [init.wasClean=false] Whether both ends have sent one
   */
  constructor(type, init = {}) {
    super(type);
    this[kInit] = { code: init.code ?? 0, reason: init.reason ?? '', wasClean: !!init.wasClean };
  }

  get code() {
    return this[kInit].code;
  }

  get reason() {
    return this[kInit].reason;
  }

  get wasClean() {
    return this[kInit].wasClean;
  }
}

class ErrorEvent extends Event {
  /**
   * @param {String} type The name of the event
   * @param {Object} [init]
   * @param {*} [init.error=null] What was wrong
   * @param {String} [init.message=''] The same in words
   */
  constructor(type, init = {}) {
    super(type);
    this[kInit] = { error: init.error ?? null, message: init.message ?? '' };
  }

  get error() {
    return this[kInit].error;
  }

  get message() {
    return this[kInit].message;
  }
}

class MessageEvent extends Event {
  /**
   * @param {String} type The name of the event
   * @param {Object} [init]
   * @param {*} [init.data=null] The message
   */
  constructor(type, init = {}) {
    super(type);
    this[kInit] = { data: init.data ?? null };
  }

  get data() {
    return this[kInit].data;
  }
}

enumerable(Event, ['target', 'type']);
enumerable(CloseEvent, ['code', 'reason', 'wasClean']);
enumerable(ErrorEvent, ['error', 'message']);
enumerable(MessageEvent, ['data']);

/** Makes an event of what an EventEmitter passes to its listeners. */
const MAKERS = {
  open: () => new Event('open'),
  message: (target, data, isBinary) =>
    new MessageEvent('message', { data: isBinary ? data : data.toString() }),
  close: (target, code, reason) =>
    new CloseEvent('close', {
      code,
      reason: reason.toString(),
      wasClean: target._closeFrameReceived && target._closeFrameSent
    }),
  error: (target, error) => new ErrorEvent('error', { error, message: error.message })
};

function call(listener, target, event) {
  event[kTarget] = target;
  if (typeof listener === 'object' && typeof listener.handleEvent === 'function') {
    listener.handleEvent(event);
  } else {
    listener.call(target, event);
  }
}

/** The wrappers on `target` for this listener, or for the property `on…`. */
function wrappers(target, type, test) {
  return target.listeners(type).filter((wrapper) => wrapper[kListener] && test(wrapper));
}

/** What browsers have in place of `on` and `off`. */
const EventTarget = {
  /**
   * Adds a listener, unless it is there already.
   *
   * @param {String} type 'open', 'message', 'close' or 'error'; nothing happens for others
   * @param {(Function|Object)} listener A function, or an object with `handleEvent`
   * @param {Object} [options]
   * @param {Boolean} [options.once=false] Whether it is called once at most
   */
  addEventListener(type, listener, options = {}) {
    const make = Object.hasOwn(MAKERS, type) ? MAKERS[type] : undefined;
    if (make === undefined) return;

    const isProperty = options[kIsProperty] === true;
    const same = (wrapper) => wrapper[kListener] === listener && !wrapper[kIsProperty];
    if (!isProperty && wrappers(this, type, same).length > 0) return;

    const wrapper = (...args) => call(listener, this, make(this, ...args));
    wrapper[kListener] = listener;
    wrapper[kIsProperty] = isProperty;
    if (options.once) this.once(type, wrapper);
    else this.on(type, wrapper);
  },

  /**
   * Removes a listener that `addEventListener` has added.
   *
   * @param {String} type The name of the event
   * @param {(Function|Object)} listener The listener
   */
  removeEventListener(type, listener) {
    const same = (wrapper) => wrapper[kListener] === listener && !wrapper[kIsProperty];
    for (const wrapper of wrappers(this, type, same)) this.removeListener(type, wrapper);
  }
};

/** Defines `onopen` and the like. */
function defineProperties(prototype) {
  const isProperty = (wrapper) => wrapper[kIsProperty];

  for (const type of Object.keys(MAKERS)) {
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get() {
        const [wrapper] = wrappers(this, type, isProperty);
        return wrapper ? wrapper[kListener] : null;
      },
      set(listener) {
        for (const wrapper of wrappers(this, type, isProperty)) this.removeListener(type, wrapper);
        if (typeof listener === 'function') {
          this.addEventListener(type, listener, { [kIsProperty]: true });
        }
      }
    });
  }
}

module.exports = {
  CloseEvent,
  ErrorEvent,
  Event,
  EventTarget,
  MessageEvent,
  defineProperties,
  enumerable
};
