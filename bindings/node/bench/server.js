// An echo server of one library, for `run.js`.
'use strict';

const net = require('net');

const [library, kind] = process.argv.slice(2);

function listen(server) {
  process.send({ port: server.address().port });
}

if (library === 'socket') {
  // No WebSocket at all: what the runtime itself costs.
  const server = net.createServer((socket) => {
    socket.setNoDelay();
    let upgraded = false;
    socket.on('data', (chunk) => {
      if (upgraded) {
        socket.write(chunk);
        return;
      }
      upgraded = true;
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1', () => listen(server));
} else {
  const { WebSocketServer } = require(library === 'bowsprit' ? '..' : library);
  const perMessageDeflate = /flate/.test(kind);
  const server = new WebSocketServer({ host: '127.0.0.1', perMessageDeflate, port: 0 }, () =>
    listen(server)
  );
  const loop = (data) => {
    for (const client of server.clients) client.send(data);
  };
  const broadcast =
    kind === 'broadcast()' && server.broadcast ? (data) => server.broadcast(data) : loop;
  server.on('connection', (ws) => {
    if (kind.startsWith('broadcast')) ws.on('message', broadcast);
    else if (kind === 'inflate') ws.on('message', () => ws.send('', { compress: false }));
    else ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    ws.on('error', () => {});
  });
}

process.on('disconnect', () => process.exit());
