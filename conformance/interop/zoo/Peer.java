// The client of the JDK, java.net.http; `peer.py` says what a peer does.

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

class Peer implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();
    private final ByteArrayOutputStream binary = new ByteArrayOutputStream();
    private final CompletableFuture<String> ended = new CompletableFuture<>();
    private CompletableFuture<WebSocket> sent = CompletableFuture.completedFuture(null);

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
        if (last) {
            String message = text.toString();
            text.setLength(0);
            send(() -> obey(ws, message));
        }
        ws.request(1);
        return null;
    }

    /** One at a time: a message may come before that the last one was sent is told. */
    private void send(Supplier<CompletableFuture<WebSocket>> message) {
        sent = sent.thenCompose(ws -> message.get());
        sent.exceptionally(error -> {
            ended.completeExceptionally(error);
            return null;
        });
    }

    private static CompletableFuture<WebSocket> obey(WebSocket ws, String message) {
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
        if (last) {
            ByteBuffer message = ByteBuffer.wrap(binary.toByteArray());
            binary.reset();
            send(() -> ws.sendBinary(message, true));
        }
        ws.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onPong(WebSocket ws, ByteBuffer payload) {
        String answer = "pong " + StandardCharsets.UTF_8.decode(payload);
        send(() -> ws.sendText(answer, true));
        ws.request(1);
        return null;
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
