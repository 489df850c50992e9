// What is public is the same as in `@types/ws` 7, but for what servers have in addition.
import ours = require('bowsprit/v7');
import theirs = require('ws');

declare let own: ours;
declare let other: theirs;
own = other;
other = own;

declare let ownServer: ours.Server;
declare let otherServer: theirs.Server;
otherServer = ownServer;

declare let ownOptions: ours.ClientOptions & ours.PerMessageDeflateOptions;
declare let otherOptions: theirs.ClientOptions & theirs.PerMessageDeflateOptions;
ownOptions = otherOptions;
otherOptions = ownOptions;

declare let ownServerOptions: ours.ServerOptions;
declare let otherServerOptions: theirs.ServerOptions;
ownServerOptions = otherServerOptions;
otherServerOptions = ownServerOptions;

declare let ownEvents: [ours.OpenEvent, ours.CloseEvent, ours.ErrorEvent, ours.MessageEvent];
declare let otherEvents: [
  theirs.OpenEvent,
  theirs.CloseEvent,
  theirs.ErrorEvent,
  theirs.MessageEvent
];
ownEvents = otherEvents;
otherEvents = ownEvents;

declare let ownData: ours.Data;
declare let otherData: theirs.Data;
ownData = otherData;
otherData = ownData;

// What there is beyond it.
async function extended(ws: ours.Extended) {
  await ws.sendAsync('a', { binary: true });
  for await (const { data, isBinary } of ws) ws.send(data, { binary: isBinary });
  return ws.closeCause?.code;
}
extended(own as ours.Extended);
ownServer.broadcast('a', { except: own });

// What 7 does not have.
// @ts-expect-error
const eight: ours.ClientOptions = { skipUTF8Validation: true };
