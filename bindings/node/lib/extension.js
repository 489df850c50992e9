// The `Sec-WebSocket-Extensions` header.
'use strict';

const native = require('./native');
const { headerError } = require('./errors');

const VALUE = '\u001f';
const PARAMETER = '\t';

/**
 * Reads a header.
 *
 * @param {String} header
 * @return {Object} Lists of offers by extension; of each offer, lists of values by parameter
 * @throws {SyntaxError} It does not match its grammar
 */
function parse(header) {
  const json = native.parseExtensions(header);
  if (typeof json === 'number') throw headerError(header, json);

  const offers = Object.create(null);

  for (const [name, parameters] of JSON.parse(json)) {
    const offer = Object.create(null);
    for (const [parameter, value] of parameters) (offer[parameter] ??= []).push(value);
    (offers[name] ??= []).push(offer);
  }

  return offers;
}

/**
 * Writes a header.
 *
 * @param {Object} extensions An offer, or a list of offers, by extension
 * @return {String}
 */
function format(extensions) {
  const lines = [];

  for (const [name, offers] of Object.entries(extensions)) {
    for (const offer of Array.isArray(offers) ? offers : [offers]) {
      const fields = Object.entries(offer).flatMap(([parameter, values]) =>
        (Array.isArray(values) ? values : [values]).map((value) =>
          value === true ? parameter : `${parameter}${VALUE}${value}`
        )
      );
      lines.push([name, ...fields].join(PARAMETER));
    }
  }

  return native.formatExtensions(lines.join('\n'));
}

module.exports = { format, parse };
