// What a client may connect to.
'use strict';

const SCHEMES = ['ws:', 'wss:', 'http:', 'https:', 'ws+unix:'];

/**
 * Reads an address. That of the caller is not changed.
 *
 * @param {(String|URL)} address
 * @return {URL} With `ws:` or `wss:` where it was `http:` or `https:`
 * @throws {SyntaxError} It is not one to connect to
 */
function parseAddress(address) {
  let url;

  try {
    url = new URL(address);
  } catch {
    throw new SyntaxError(`Invalid URL: ${address}`);
  }

  if (url.protocol === 'http:') url.protocol = 'ws:';
  else if (url.protocol === 'https:') url.protocol = 'wss:';

  const message = faultOf(url);
  if (message !== null) throw new SyntaxError(message);
  return url;
}

function faultOf(url) {
  if (!SCHEMES.includes(url.protocol)) {
    const names = SCHEMES.map((scheme) => `"${scheme}"`);
    return (
      `The URL's protocol must be one of ${names.slice(0, -1).join(', ')}, ` +
      `or ${names[names.length - 1]}`
    );
  }

  if (url.protocol === 'ws+unix:' && url.pathname === '') return "The URL's pathname is empty";
  return url.hash === '' ? null : 'The URL contains a fragment identifier';
}

/**
 * Where a `ws+unix:` URL leads.
 *
 * @param {URL} url
 * @return {{socketPath: String, path: String}} The socket, and the path that is asked of it
 */
function parseSocketAddress(url) {
  const [socketPath, ...path] = `${url.pathname}${url.search}`.split(':');
  return { socketPath, path: path.length > 0 ? path.join(':') : undefined };
}

module.exports = { parseAddress, parseSocketAddress };
