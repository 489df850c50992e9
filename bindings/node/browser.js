'use strict';

module.exports = function () {
  throw new Error('bowsprit is for Node.js: browsers have a native WebSocket object of their own');
};
