// permessage-deflate for `ws-client.mjs` and `ws-server.mjs`.
//
//   --deflate             with what ws does by default
//   --deflate=SETTINGS    with these of RFC 7692 §7.1, separated by commas:
//                         `server_no_context_takeover`, `client_no_context_takeover`,
//                         `server_max_window_bits=N`, `client_max_window_bits=N`; instead of N may
//                         stand `false`, for a parameter that is neither offered nor accepted;
//                         and `level=N` of zlib

const NAMES = {
  server_no_context_takeover: 'serverNoContextTakeover',
  client_no_context_takeover: 'clientNoContextTakeover',
  server_max_window_bits: 'serverMaxWindowBits',
  client_max_window_bits: 'clientMaxWindowBits',
};

/** What the arguments say: ws's options, or `false`; and the arguments that say something else. */
export function takeDeflate(args) {
  const isOurs = (arg) => /^--deflate(=|$)/.test(arg);
  const rest = args.filter((arg) => !isOurs(arg));
  const ours = args.find(isOurs);
  if (!ours) return { deflate: false, rest };
  // Small messages are left uncompressed by default, and most of the tests' are small.
  const deflate = { threshold: 0 };
  const settings = ours.split('=').slice(1).join('=');
  for (const setting of settings.split(',').filter(Boolean)) {
    const [name, value = 'true'] = setting.split('=');
    if (name === 'level') deflate.zlibDeflateOptions = { level: Number(value) };
    else if (!NAMES[name]) throw new Error(`no setting ${name}`);
    else deflate[NAMES[name]] = JSON.parse(value);
  }
  return { deflate, rest };
}

/** What a connection goes by, in the words of `websockets_deflate.py`. */
export function describe(socket) {
  // What is public is the name alone.
  const params = socket._extensions['permessage-deflate']?.params;
  if (!params) return 'none';
  const takeover = (side) => (params[`${side}_no_context_takeover`] ? 'forgets' : 'remembers');
  const bits = (side) => params[`${side}_max_window_bits`] ?? 15;
  return ['server', 'client'].map((side) => `${side} ${takeover(side)} ${bits(side)}`).join(', ');
}
