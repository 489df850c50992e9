// Runs the cases of Autobahn|Testsuite as a client:
//
//   CONFORMANCE_CLIENT='node bindings/node/conformance/client.js' scripts/conformance --client
'use strict';

const { WebSocket } = require('..');

const url = process.argv[2].replace(/\/$/, '');
const agent = 'bowsprit-node';

/** Opens a URL, echoes what comes, and waits for the end. */
function run(path, onMessage) {
  return new Promise((resolve) => {
    const ws = new WebSocket(`${url}${path}`, { maxBufferedChunks: 0, maxFragments: 0 });
    ws.on('message', onMessage ?? ((data, isBinary) => ws.send(data, { binary: isBinary })));
    ws.on('error', () => {});
    ws.on('close', resolve);
  });
}

async function main() {
  let count = 0;
  await run('/getCaseCount', (data) => (count = Number(data.toString())));
  for (let i = 1; i <= count; i++) await run(`/runCase?case=${i}&agent=${agent}`);
  await run(`/updateReports?agent=${agent}`);
}

main();
