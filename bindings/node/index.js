'use strict';

const WebSocket = require('./lib/websocket');

WebSocket.WebSocket = WebSocket;
WebSocket.WebSocketServer = WebSocket.Server = require('./lib/server');
WebSocket.createWebSocketStream = require('./lib/stream');
WebSocket.Receiver = require('./lib/receiver');
WebSocket.Sender = require('./lib/sender');
WebSocket.PerMessageDeflate = require('./lib/deflate');
WebSocket.extension = require('./lib/extension');
WebSocket.subprotocol = require('./lib/subprotocol');

module.exports = WebSocket;
