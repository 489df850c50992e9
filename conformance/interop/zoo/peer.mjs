// What the peers in JavaScript have in common; `peer.py` says what a peer does.

export const OFFERED = ['chat.v9', 'chat.v1'];
export const SUPPORTED = 'chat.v1';
export const MAX_LEN = 4 << 20;

/** `['ping', PAYLOAD]`, `['close', CODE, REASON]`, or `[]` if this asks for nothing. */
export function command(message) {
  if (typeof message !== 'string') return [];
  const [, verb, rest] = message.match(/^\/(ping|close) (.*)$/s) ?? [];
  if (verb !== 'close') return verb ? [verb, rest] : [];
  const [code, ...reason] = rest.split(' ');
  return [verb, Number(code), reason.join(' ')];
}

/**
 * Lets a client connect to each URL in turn: `connect(url)` resolves to what is to be said of the
 * connection once it has ended.
 */
export async function connectToEach(urls, peer, lacks, connect, print = console.log) {
  print(JSON.stringify({ peer, lacks }));
  for (const url of urls) print(JSON.stringify(await connect(url)));
}

export function listening(port, peer, lacks) {
  console.log(JSON.stringify({ peer, lacks, url: `ws://127.0.0.1:${port}` }));
}
