// The echo and the chat of `bowsprit serve`.

const MAX_SHOWN = 500;
const MAX_SHOWN_BYTES = 256;
const MIN_DELAY = 250;
const MAX_DELAY = 10_000;

/** The list of a section, with the newest lines. */
class Log {
  #list;
  #waiting = [];

  constructor(list) {
    this.#list = list;
  }

  /** Shown soon, together with what else comes until then. */
  add(text, kind) {
    if (this.#waiting.length === 0) setTimeout(() => this.#show(), 20);
    this.#waiting.push([text, kind]);
    if (this.#waiting.length > 2 * MAX_SHOWN) this.#waiting.splice(0, MAX_SHOWN);
  }

  #show() {
    const list = this.#list;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8;
    const items = this.#waiting.splice(0).slice(-MAX_SHOWN).map(([text, kind]) => {
      const item = document.createElement('li');
      item.textContent = text;
      item.className = kind;
      return item;
    });
    list.append(...items);
    while (list.children.length > MAX_SHOWN) list.firstElementChild.remove();
    // Whoever reads further up is left there.
    if (atEnd) list.scrollTop = list.scrollHeight;
  }
}

/** Bytes in hexadecimal, and as the text that they may be. */
function described(buffer) {
  const bytes = new Uint8Array(buffer, 0, Math.min(buffer.byteLength, MAX_SHOWN_BYTES));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const more = buffer.byteLength > bytes.length ? ' …' : '';
  const text = JSON.stringify(new TextDecoder().decode(bytes));
  return `${buffer.byteLength} bytes: ${hex}${more} ${text}`;
}

/** Connects again whenever the connection ends; `onReady` is told each connection that is open. */
function keepConnected(url, log, onReady) {
  let delay = MIN_DELAY;
  let wasOpen = true;
  const connect = (greeting) => {
    const ws = new WebSocket(url);
    ws.binaryType = 'arraybuffer';
    ws.onopen = () => {
      [delay, wasOpen] = [MIN_DELAY, true];
      log.add(greeting, 'note');
      onReady(ws);
    };
    ws.onmessage = ({ data }) => {
      log.add(typeof data === 'string' ? data : described(data), 'message');
    };
    ws.onclose = ({ code, reason }) => {
      onReady(null);
      const closed = `closed: ${code} ${reason}`.trimEnd();
      if (wasOpen) log.add(`${closed}; connecting again …`, 'note');
      wasOpen = false;
      setTimeout(() => connect('connected again'), delay * (0.5 + Math.random() / 2));
      delay = Math.min(2 * delay, MAX_DELAY);
    };
  };
  connect('connected');
}

for (const section of document.querySelectorAll('section')) {
  const log = new Log(section.querySelector('ol'));
  const form = section.querySelector('form');
  const input = section.querySelector('input');
  const url = new URL(section.id, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  let open = null;
  keepConnected(url, log, (ws) => { open = ws; });
  form.onsubmit = (event) => {
    event.preventDefault();
    if (open?.readyState === WebSocket.OPEN) {
      open.send(input.value);
      input.value = '';
    } else {
      log.add('not connected; your message stays in the box', 'note');
    }
  };
}
