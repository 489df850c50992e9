"""permessage-deflate for `websockets-client.py` and `websockets-server.py`.

The arguments are those of `ws-deflate.mjs`, which see.
"""

from websockets.extensions.permessage_deflate import PerMessageDeflate

NAMES = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
]


def take_deflate(args, factory):
    """What the arguments say, as options of websockets; and those that say something else."""
    ours = [arg for arg in args if arg == "--deflate" or arg.startswith("--deflate=")]
    rest = [arg for arg in args if arg not in ours]
    if not ours:
        return {"compression": None}, rest
    if ours[0] == "--deflate":
        return {"compression": "deflate"}, rest
    settings = {}
    for setting in filter(None, ours[0].removeprefix("--deflate=").split(",")):
        name, _, value = setting.partition("=")
        if name not in NAMES:
            raise ValueError(f"no setting {name}")
        settings[name] = {"": True, "false": None}.get(value, value)
        if isinstance(settings[name], str):
            settings[name] = int(value)
    return {"compression": None, "extensions": [factory(**settings)]}, rest


def describe(connection, is_client):
    """What a connection goes by."""
    for deflate in connection.protocol.extensions:
        assert isinstance(deflate, PerMessageDeflate)
        local = side(deflate.local_no_context_takeover, deflate.local_max_window_bits)
        remote = side(deflate.remote_no_context_takeover, deflate.remote_max_window_bits)
        server, client = (remote, local) if is_client else (local, remote)
        return f"server {server}, client {client}"
    return "none"


def side(no_context_takeover, bits):
    return f"{'forgets' if no_context_takeover else 'remembers'} {bits}"
