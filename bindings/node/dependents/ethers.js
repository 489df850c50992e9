// A WebSocketProvider: calls, batches of them, and subscriptions, to a small JSON-RPC server.
'use strict';

const { assert, load, once, run, until, within } = require('./program');

const { Contract, WebSocketProvider, id, toQuantity, zeroPadValue } = load('ethers');
const { WebSocketServer } = load('ws');

const CONTRACT = `0x${'c0'.repeat(20)}`;
const HASH = `0x${'ab'.repeat(32)}`;

/** Answers as a node of a chain does on which nothing happens by itself. */
class Chain {
  constructor(server) {
    this.block = 16;
    this.requests = [];
    this.subscriptions = new Map();
    server.on('connection', (ws) => {
      ws.on('message', (data) => this.answer(ws, JSON.parse(data)));
    });
  }

  answer(ws, request) {
    if (Array.isArray(request)) return request.forEach((one) => this.answer(ws, one));
    this.requests.push(request.method);
    const { id: number, method, params } = request;
    const respond = (rest) => ws.send(JSON.stringify({ jsonrpc: '2.0', id: number, ...rest }));

    if (method === 'eth_chainId') return respond({ result: '0x539' });
    if (method === 'eth_blockNumber') return respond({ result: toQuantity(this.block) });
    if (method === 'eth_getCode') return respond({ result: `0x${'60'.repeat(500_000)}` });
    if (method === 'eth_getBalance') return respond({ result: '0xde0b6b3a7640000' });
    if (method === 'eth_subscribe') {
      const subscription = `0x${(this.subscriptions.size + 1).toString(16)}`;
      this.subscriptions.set(subscription, { kind: params[0], ws });
      return respond({ result: subscription });
    }
    if (method === 'eth_unsubscribe') {
      return respond({ result: this.subscriptions.delete(params[0]) });
    }
    respond({ error: { code: -32601, message: `no method ${method}` } });
  }

  publish(kind, result) {
    for (const [subscription, { kind: theirs, ws }] of this.subscriptions) {
      if (theirs !== kind) continue;
      const params = { subscription, result };
      ws.send(JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params }));
    }
  }

  has(kind) {
    return [...this.subscriptions.values()].some((subscription) => subscription.kind === kind);
  }
}

function transferLog(blockNumber) {
  const addresses = ['01', '02'].map((byte) => zeroPadValue(`0x${byte.repeat(20)}`, 32));

  return {
    address: CONTRACT,
    blockHash: HASH,
    blockNumber: toQuantity(blockNumber),
    data: toQuantity(77n).replace('0x', '0x'.padEnd(64, '0')),
    logIndex: '0x0',
    removed: false,
    topics: [id('Transfer(address,address,uint256)'), ...addresses],
    transactionHash: HASH,
    transactionIndex: '0x0'
  };
}

async function main() {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const chain = new Chain(server);
  const provider = new WebSocketProvider(`ws://127.0.0.1:${server.address().port}`);

  assert.strictEqual((await within('a network', provider.getNetwork())).chainId, 1337n);
  const balances = Array.from({ length: 200 }, () => provider.getBalance(CONTRACT));
  for (const balance of await within('200 balances', Promise.all(balances))) {
    assert.strictEqual(balance, 10n ** 18n);
  }
  const code = await within('1 MB of code', provider.getCode(CONTRACT));
  assert.strictEqual(code.length, 1_000_002);
  const error = within('an error', provider.send('eth_nothing', []));
  await assert.rejects(error, /no method eth_nothing/);

  const blocks = [];
  await provider.on('block', (number) => blocks.push(number));
  await until('a subscription to heads', () => chain.has('newHeads'));
  for (const number of [17, 18, 19]) chain.publish('newHeads', { number: toQuantity(number) });
  await until('three blocks', () => blocks.length === 3);
  assert.deepStrictEqual(blocks, [17, 18, 19]);

  const abi = ['event Transfer(address indexed from, address indexed to, uint256 value)'];
  const contract = new Contract(CONTRACT, abi, provider);
  const values = [];
  await contract.on('Transfer', (from, to, value) => values.push(value));
  await until('a subscription to logs', () => chain.has('logs'));
  chain.publish('logs', transferLog(19));
  await until('an event of the contract', () => values.length === 1);
  assert.strictEqual(values[0], 77n);

  await provider.off('block');
  await until('the end of the subscription', () => !chain.has('newHeads'));
  const [ws] = server.clients;
  const closed = once(ws, 'close');
  await provider.destroy();
  await within('the end of the connection', closed);
}

run(main);
