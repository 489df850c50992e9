'use strict';

const WebSocket = require('./lib/v7/websocket');

// The names of 8 as well, which would otherwise be those that are inherited.
WebSocket.WebSocket = WebSocket;
WebSocket.WebSocketServer = WebSocket.Server = require('./lib/v7/server');
WebSocket.createWebSocketStream = require('./lib/stream');
WebSocket.Receiver = require('./lib/v7/receiver');
WebSocket.Sender = require('./lib/v7/sender');

module.exports = WebSocket;
