// Its server and client: queries, subscriptions, keep-alive, and close codes of its own.
'use strict';

const assert = require('assert');
const { once } = require('events');
const load = require('module').createRequire(`${process.cwd()}/`);

const { GraphQLObjectType, GraphQLSchema, GraphQLString } = load('graphql');
const { createClient } = load('graphql-ws');
const { useServer } = load('graphql-ws/use/ws');
const { WebSocket, WebSocketServer } = load('ws');

const schema = new GraphQLSchema({
  query: new GraphQLObjectType({
    name: 'Query',
    fields: { hello: { type: GraphQLString, resolve: () => 'world' } }
  }),
  subscription: new GraphQLObjectType({
    name: 'Subscription',
    fields: {
      greetings: {
        type: GraphQLString,
        subscribe: async function* () {
          for (const greeting of ['hi', 'hello', 'hola']) yield { greetings: greeting };
        }
      }
    }
  })
});

async function main() {
  const server = new WebSocketServer({ path: '/graphql', port: 0 });
  useServer({ schema }, server, 20);
  await once(server, 'listening');
  const url = `ws://localhost:${server.address().port}/graphql`;
  const client = createClient({ keepAlive: 20, url, webSocketImpl: WebSocket });

  const results = async (query) => {
    const list = [];
    for await (const result of client.iterate({ query })) list.push(result.data);
    return JSON.stringify(list);
  };
  assert.strictEqual(await results('{ hello }'), '[{"hello":"world"}]');
  assert.strictEqual(
    await results('subscription { greetings }'),
    '[{"greetings":"hi"},{"greetings":"hello"},{"greetings":"hola"}]'
  );

  const ws = new WebSocket(url, 'graphql-transport-ws');
  await once(ws, 'open');
  await new Promise((resolve) => ws.once('ping', resolve));
  ws.send('nonsense');
  const [code, reason] = await once(ws, 'close');
  assert.strictEqual(code, 4400);
  assert.ok(reason.length > 0);

  const wrong = new WebSocket(url, 'other');
  const [wrongCode] = await once(wrong, 'close').catch((err) => [err.message]);
  assert.ok(wrongCode === 4406 || /subprotocol/.test(wrongCode), wrongCode);
  await client.dispose();
}

main().then(() => process.exit(0));
