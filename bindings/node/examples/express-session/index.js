// Only who has logged in may connect: the session of Express is read before the upgrade. Logging
// out closes the connections of that session.
//
//   npm install express express-session
//   node examples/express-session        then open http://localhost:8080
'use strict';

const { randomUUID } = require('node:crypto');
const http = require('node:http');
const path = require('node:path');

const { WebSocketServer } = require('bowsprit');
const express = require('express');
const session = require('express-session');

const app = express();
const httpServer = http.createServer(app);
const server = new WebSocketServer({ noServer: true });
/** Open connections by session. */
const connections = new Map();

const parseSession = session({
  cookie: { sameSite: 'strict' },
  resave: false,
  saveUninitialized: false,
  secret: process.env.SECRET ?? randomUUID()
});

app.use(express.static(path.join(__dirname, 'public')));
app.use(parseSession);

app.post('/login', (req, res) => {
  req.session.user = randomUUID();
  res.send({ user: req.session.user });
});

app.delete('/logout', (req, res) => {
  const { id } = req.session;

  req.session.destroy(() => {
    for (const ws of connections.get(id) ?? []) ws.close(4001, 'logged out');
    res.send({});
  });
});

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
}

/** Cookies go along wherever a page comes from, so pages of other sites have to be kept out. */
function isSameOrigin({ headers }) {
  try {
    return new URL(headers.origin).host === headers.host;
  } catch {
    return false;
  }
}

httpServer.on('upgrade', (req, socket, head) => {
  socket.on('error', console.error);

  if (!isSameOrigin(req)) {
    refuse(socket, 403);
    return;
  }

  parseSession(req, {}, () => {
    if (!req.session.user) {
      refuse(socket, 401);
      return;
    }

    socket.removeListener('error', console.error);
    server.handleUpgrade(req, socket, head, (ws) => server.emit('connection', ws, req));
  });
});

server.on('connection', (ws, req) => {
  const { id, user } = req.session;
  const ofSession = connections.get(id) ?? new Set();

  connections.set(id, ofSession.add(ws));
  ws.on('error', console.error);
  ws.on('message', (message) => ws.send(`${user} says: ${message}`));
  ws.on('close', () => {
    ofSession.delete(ws);
    if (ofSession.size === 0) connections.delete(id);
  });
});

httpServer.listen(process.env.PORT ?? 8080, () => {
  console.log(`http://localhost:${httpServer.address().port}`);
});
