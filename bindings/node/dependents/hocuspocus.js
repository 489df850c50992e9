// Yjs documents that two clients edit at once, awareness, authentication, and coming back.
'use strict';

const { assert, load, run, until, within } = require('./program');

const { HocuspocusProvider, HocuspocusProviderWebsocket } = load('@hocuspocus/provider');
const { Server } = load('@hocuspocus/server');
const WebSocket = load('ws');
const Y = load('yjs');

function join(url, name, token = 'right') {
  const websocketProvider = new HocuspocusProviderWebsocket({
    WebSocketPolyfill: WebSocket,
    delay: 20,
    jitter: false,
    minDelay: 20,
    url
  });
  const provider = new HocuspocusProvider({
    document: new Y.Doc(),
    name,
    token,
    websocketProvider
  });
  provider.attach();
  return { doc: provider.document, provider, websocketProvider };
}

const synced = ({ provider }) => until('a synchronized document', () => provider.isSynced);

async function edit(one, two) {
  await Promise.all([synced(one), synced(two)]);
  for (let i = 0; i < 200; i++) {
    one.doc.getText('text').insert(0, 'a');
    two.doc.getText('text').insert(0, 'b');
    one.doc.getArray('list').push([i]);
  }
  const bytes = new Uint8Array(1_000_000).fill(7);
  two.doc.getMap('map').set('bytes', bytes);
  const same = () => one.doc.getText('text').length === 400
    && two.doc.getArray('list').length === 200
    && one.doc.getMap('map').get('bytes')?.length === bytes.length
    && one.doc.getText('text').toString() === two.doc.getText('text').toString();
  await until('the same document on both sides', same);
  assert.deepStrictEqual(one.doc.toJSON(), two.doc.toJSON());
}

async function main() {
  const stateless = [];
  const server = new Server({
    address: '127.0.0.1',
    async onAuthenticate({ token }) {
      // An error without a message is not logged.
      if (token !== 'right') throw new Error('');
    },
    async onStateless({ payload }) {
      stateless.push(payload);
    },
    port: 0,
    quiet: true,
    stopOnSignals: false
  });
  await within('a server', server.listen());
  const url = `ws://127.0.0.1:${server.httpServer.address().port}`;

  const one = join(url, 'document');
  const two = join(url, 'document');
  await edit(one, two);

  one.provider.awareness.setLocalStateField('user', { name: 'Ada' });
  const aware = () => [...two.provider.awareness.getStates().values()].some(
    (state) => state.user?.name === 'Ada'
  );
  await until('awareness', aware);
  two.provider.sendStateless('hello');
  await until('a stateless message', () => stateless[0] === 'hello');

  const refused = join(url, 'document', 'wrong');
  const { reason } = await within(
    'a refusal',
    new Promise((resolve) => refused.provider.on('authenticationFailed', resolve))
  );
  assert.match(reason, /not authorized|permission-denied/);

  one.doc.getText('text').insert(0, 'before ');
  one.websocketProvider.webSocket.terminate();
  one.doc.getText('text').insert(0, 'offline ');
  await until('what was written offline', () =>
    two.doc.getText('text').toString().startsWith('offline before '));

  const document = server.hocuspocus.documents.get('document');
  assert.ok(document.getText('text').toString().startsWith('offline before '));
  for (const { provider, websocketProvider } of [one, two, refused]) {
    provider.destroy();
    websocketProvider.destroy();
  }
  await until('the end of all connections', () => server.hocuspocus.getConnectionsCount() === 0);
  await within('the end of the server', server.destroy());
}

run(main);
