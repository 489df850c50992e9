// A client with the `WebSocket` of browsers, which others have too. `ping` sends one, where that is
// possible; `onPong` is how to hear of the answer.

import { command, OFFERED } from './peer.mjs';

export function connect(url, WebSocket, { ping, onPong } = {}) {
  const ws = new WebSocket(url, OFFERED);
  ws.binaryType = 'arraybuffer';
  onPong?.(ws, (payload) => ws.send(`pong ${payload}`));
  ws.onmessage = ({ data }) => {
    const [verb, ...args] = command(data);
    if (verb === 'ping') ping(ws, ...args);
    else if (verb === 'close') ws.close(...args);
    else ws.send(data);
  };
  return new Promise((resolve) => {
    let wasOpen = false;
    ws.onopen = () => {
      wasOpen = true;
    };
    // Not all say of a connection that has never been open that it is closed.
    ws.onerror = () => wasOpen || resolve({ refused: null });
    ws.onclose = ({ code, reason }) => {
      const subprotocol = ws.protocol || null;
      resolve(wasOpen ? { subprotocol, code, reason } : { refused: null });
    };
  });
}
