// What a connection receives and is told to do, to compare implementations.
'use strict';

const { closePayload, frame } = require('./frames');
const { settle } = require('./pipe');

/** Receives pieces, each in a turn of its own. */
function receive(pieces) {
  return async ({ pipe }) => {
    for (const piece of pieces) {
      if (pipe.destroyed) return;
      // A copy, as receiving unmasks in place.
      pipe.push(Buffer.from(piece));
      await settle(2);
    }
  };
}

const text = 'h\u00e9llo w\u00f6rld';
const long = 'x'.repeat(300);

// Bytes of a client, and what they are.
const STREAMS = {
  text: [frame(0x81, text)],
  binary: [frame(0x82, [0, 1, 255])],
  'empty messages': [frame(0x81), frame(0x82)],
  'lengths of 16 bits': [frame(0x81, long), frame(0x82, long)],
  'lengths of 64 bits': [frame(0x82, Buffer.alloc(70_000, 5))],
  fragments: [frame(0x01, 'a'), frame(0x00, 'b'), frame(0x80, 'c'), frame(0x81, 'd')],
  'empty fragments': [frame(0x02), frame(0x00), frame(0x80)],
  'a character in two fragments': [frame(0x01, [0xc3]), frame(0x80, [0xa9])],
  'control frames between fragments': [
    frame(0x01, 'one '),
    frame(0x89, 'ping'),
    frame(0x00, 'two '),
    frame(0x8a, 'pong'),
    frame(0x80, 'three')
  ],
  pings: [frame(0x89), frame(0x89, 'a'.repeat(125)), frame(0x8a, 'b')],
  'a close without a code': [frame(0x88)],
  'a close with a code': [frame(0x88, closePayload(1000))],
  'a close with a reason': [frame(0x88, closePayload(4321, 'r\u00e9ason'))],
  'bytes after a close': [frame(0x88, closePayload(1001)), frame(0x81, 'late'), [1, 2, 3]],
  'messages before a close': [frame(0x81, 'a'), frame(0x82, 'b'), frame(0x88, closePayload(3000))],
  'RSV1': [frame(0xc1, 'a')],
  'RSV2': [frame(0xa2)],
  'RSV3': [frame(0x91)],
  'RSV1 and RSV2': [frame(0xe1)],
  'RSV1 on a ping': [frame(0xc9)],
  'RSV1 on a continuation': [frame(0x01, 'a'), frame(0xc0, 'b')],
  'a continuation of nothing': [frame(0x80)],
  'text inside a message': [frame(0x01, 'a'), frame(0x81, 'b')],
  'binary inside a message': [frame(0x01, 'a'), frame(0x02, 'b')],
  'opcode 3': [frame(0x83)],
  'opcode 7': [frame(0x87)],
  'opcode 11': [frame(0x8b)],
  'opcode 15': [frame(0x8f)],
  'a ping in fragments': [frame(0x09)],
  'a close in fragments': [frame(0x08)],
  'a long ping': [frame(0x89, 'a'.repeat(126))],
  'a very long pong': [frame(0x8a, Buffer.alloc(70_000))],
  'a close with half a code': [frame(0x88, [3])],
  'no mask': [frame(0x81, 'a', { mask: false })],
  'text that is not UTF-8': [frame(0x81, [0x61, 0xff])],
  'text that ends inside a character': [frame(0x81, [0x61, 0xc3])],
  'a surrogate': [frame(0x81, [0xed, 0xa0, 0x80])],
  'a reason that is not UTF-8': [frame(0x88, closePayload(1000, [0xff]))],
  'a length with its sign bit set': [
    Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])
  ],
  'a length beyond the limit': [Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4])],
  'a message before what is wrong': [frame(0x81, 'a'), frame(0x89, 'b'), frame(0x83)],
  ...Object.fromEntries(
    [0, 999, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65535].map(
      (code) => [`close code ${code}`, [frame(0x88, closePayload(code))]]
    )
  )
};

/** What a program may do with a connection. */
const CALLS = {
  'sends text': (ws) => ws.send(text),
  'sends bytes': (ws) => ws.send(Buffer.from('abc')),
  'sends text as binary': (ws) => ws.send('abc', { binary: true }),
  'sends bytes as text': (ws) => ws.send(Buffer.from('abc'), { binary: false }),
  'sends numbers': (ws) => [0, -1.5, 1e21].forEach((number) => ws.send(number)),
  'sends nothing': (ws) => [undefined, null, '', false].forEach((nothing) => ws.send(nothing)),
  'sends arrays': (ws) => ws.send([1, 2, 300]),
  'sends typed arrays': (ws) => {
    ws.send(new Uint16Array([1, 2]));
    ws.send(new DataView(new ArrayBuffer(3), 1));
    ws.send(new Float64Array([1]).buffer);
  },
  'sends shared memory': (ws) => ws.send(new Uint8Array(new SharedArrayBuffer(3)).fill(9)),
  'sends fragments': (ws) => {
    ws.send('a', { fin: false });
    ws.send(Buffer.from('b'), { fin: false });
    ws.ping('between');
    ws.send('c');
    ws.send('d');
  },
  'sends long messages': (ws) => {
    for (const length of [125, 126, 5000, 5461, 5462, 16384, 16385, 65535, 65536, 200_000]) {
      ws.send('\u00e9'.repeat(length));
      ws.send(Buffer.alloc(length, length));
    }
  },
  'masks against its role': (ws) => {
    ws.send('a', { mask: true });
    ws.send('b', { mask: false });
    ws.ping('c', true);
    ws.pong('d', false);
  },
  'sends pings and pongs': (ws) => {
    ws.ping();
    ws.ping('a');
    ws.pong(Buffer.from('b'));
    ws.pong(5);
  },
  closes: (ws) => ws.close(),
  'closes with a code': (ws) => ws.close(1000),
  'closes with a reason': (ws) => ws.close(4999, 'r\u00e9ason'),
  'closes with bytes as a reason': (ws) => ws.close(3000, Buffer.from('why')),
  'closes after it has sent': (ws) => {
    ws.send('a');
    ws.close(1001);
    ws.send('b');
    ws.close(1002);
  },
  'is terminated after it has sent': (ws) => {
    ws.send('a');
    ws.terminate();
    ws.terminate();
  },
  'sends a blob and more': (ws) => {
    ws.send('before');
    ws.send(new Blob(['bl', 'ob']));
    ws.send('after');
    ws.ping(new Blob(['p']));
    ws.close(1000);
  }
};

module.exports = { CALLS, STREAMS, long, receive, text };
