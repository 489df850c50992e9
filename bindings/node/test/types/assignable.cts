// What is public is the same as in `@types/ws`, but for what servers have in addition.
import ours = require('bowsprit');
import theirs = require('ws');

declare let own: ours;
declare let other: theirs;
own = other;
other = own;

declare let ownServer: ours.Server;

declare let ownOptions: ours.ClientOptions & ours.PerMessageDeflateOptions;
declare let otherOptions: theirs.ClientOptions & theirs.PerMessageDeflateOptions;
ownOptions = otherOptions;
otherOptions = ownOptions;

declare let ownServerOptions: Omit<ours.ServerOptions, 'WebSocket'>;
declare let otherServerOptions: Omit<theirs.ServerOptions, 'WebSocket'>;
ownServerOptions = otherServerOptions;
otherServerOptions = ownServerOptions;

declare let ownEvents: ours.WebSocketEventMap;
declare let otherEvents: theirs.WebSocketEventMap;
ownEvents = otherEvents;
otherEvents = ownEvents;

declare let ownData: ours.RawData | ours.Data;
declare let otherData: theirs.RawData | theirs.Data;
ownData = otherData;
otherData = ownData;

// What there is beyond it.
async function extended(ws: ours.Extended) {
  await ws.sendAsync('a', { binary: true });
  for await (const { data, isBinary } of ws) ws.send(data as Buffer, { binary: isBinary });
  return ws.closeCause?.code;
}
extended(own as ours.Extended);
ownServer.broadcast('a', { except: own });
const limits: ours.ClientOptions & ours.ServerOptions = {
  heartbeat: { interval: 30_000 },
  maxBufferedAmount: 1e6,
  overflowPolicy: 'refuse'
};
limits.heartbeat = true;
(own as ours.Extended).on('drain', () => own.terminate());
