// A server with TLS, and a client that trusts its certificate. To make one for localhost:
//
//   openssl req -x509 -newkey rsa:2048 -noenc -keyout key.pem -out cert.pem \
//     -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:false
//   node examples/ssl.js cert.pem key.pem
'use strict';

const fs = require('node:fs');
const https = require('node:https');

const { WebSocket, WebSocketServer } = require('bowsprit');

const [cert, key] = process.argv.slice(2).map((file) => fs.readFileSync(file));
const httpsServer = https.createServer({ cert, key });
const server = new WebSocketServer({ server: httpsServer });

server.on('connection', (ws) => {
  ws.on('error', console.error);
  ws.on('message', (message) => {
    console.log(`the server has received: ${message}`);
    ws.close();
  });
});

httpsServer.listen(process.env.PORT ?? 8443, () => {
  const { port } = httpsServer.address();
  // `ca` trusts this certificate, and no other. Never set `rejectUnauthorized: false` instead:
  // whoever is on the way could read and change everything.
  const ws = new WebSocket(`wss://localhost:${port}`, { ca: cert });

  ws.on('error', console.error);
  ws.on('open', () => ws.send('a secret'));
  ws.on('close', (code) => {
    console.log(`the client has closed: ${code}`);
    httpsServer.close();
  });
});
