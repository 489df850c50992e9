// What is public is the same as in `@types/ws`.
import ours = require('bowsprit');
import theirs = require('ws');

declare let own: ours;
declare let other: theirs;
own = other;
other = own;

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
