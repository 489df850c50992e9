// The client of the JDK, java.net.http; `peer.py` says what a peer does.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

class Peer implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();
    private final java.io.ByteArrayOutputStream binary = new java.io.ByteArrayOutputStream();
    private final CompletableFuture<String> ended = new CompletableFuture<>();

    public static void main(String[] args) {
        String version = System.getProperty("java.version");
        System.out.printf("{\"peer\": \"JDK %s\", \"lacks\": [\"deflate\"]}%n", version);
        HttpClient client = HttpClient.newHttpClient();
        for (int i = 1; i < args.length; i++) System.out.println(connect(client, args[i]));
    }

    private static String connect(HttpClient client, String url) {
        Peer peer = new Peer();
        try {
            WebSocket ws = client.newWebSocketBuilder()
                    .subprotocols("chat.v9", "chat.v1")
                    .buildAsync(URI.create(url), peer)
                    .join();
            String subprotocol = ws.getSubprotocol();
            String agreed = subprotocol.isEmpty() ? "null" : '"' + subprotocol + '"';
            return "{\"subprotocol\": " + agreed + ", " + peer.ended.join() + "}";
        } catch (CompletionException e) {
            if (!(e.getCause() instanceof WebSocketHandshakeException refused)) throw e;
            return "{\"refused\": " + refused.getResponse().statusCode() + "}";
        }
    }

    @Override
    public CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
        text.append(data);
        CompletionStage<?> done = last ? obey(ws, text.toString()) : null;
        if (last) text.setLength(0);
        ws.request(1);
        return done;
    }

    private CompletionStage<?> obey(WebSocket ws, String message) {
        String[] words = message.startsWith("/") ? message.split(" ", 3) : new String[] {""};
        return switch (words[0]) {
            case "/ping" -> ws.sendPing(StandardCharsets.UTF_8.encode(message.substring(6)));
            case "/close" -> ws.sendClose(Integer.parseInt(words[1]), words[2]);
            default -> ws.sendText(message, true);
        };
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean last) {
        while (data.hasRemaining()) binary.write(data.get());
        ws.request(1);
        if (!last) return null;
        byte[] message = binary.toByteArray();
        binary.reset();
        return ws.sendBinary(ByteBuffer.wrap(message), true);
    }

    @Override
    public CompletionStage<?> onPong(WebSocket ws, ByteBuffer payload) {
        ws.request(1);
        return ws.sendText("pong " + StandardCharsets.UTF_8.decode(payload), true);
    }

    @Override
    public CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
        ended.complete("\"code\": " + code + ", \"reason\": \"" + reason + '"');
        return null;
    }

    @Override
    public void onError(WebSocket ws, Throwable error) {
        ended.completeExceptionally(error);
    }
}
