package nestor.control.web;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import nestor.control.Json;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** A page, as its WebSocket sees it. */
final class WebSocketClient implements AutoCloseable {
    static final String UPGRADE =
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==";

    private final HttpClient http = HttpClient.newHttpClient();
    private final BlockingQueue<String> received = new LinkedBlockingQueue<>();
    final CompletableFuture<Integer> closed = new CompletableFuture<>();
    final WebSocket socket;

    WebSocketClient(WebView view) {
        URI url = URI.create("ws://" + RawHttp.authority(view) + "/socket");
        socket =
                http.newWebSocketBuilder()
                        .header("Cookie", RawHttp.cookie(view))
                        .header("Origin", "http://" + RawHttp.authority(view))
                        .buildAsync(url, new Received())
                        .join();
    }

    void send(String text) {
        socket.sendText(text, true).join();
    }

    /** The next message. */
    JsonNode receive() throws InterruptedException {
        return Json.read(received.take().getBytes(StandardCharsets.UTF_8));
    }

    JsonNode ask(String question) throws InterruptedException {
        send(question);
        return receive();
    }

    @Override
    public void close() {
        socket.abort();
        http.shutdownNow();
        http.close();
    }

    private final class Received implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public @Nullable CompletionStage<?> onText(
                WebSocket from, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                received.add(text.toString());
                text.setLength(0);
            }
            from.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket from, int code, String reason) {
            closed.complete(code);
            return null;
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            closed.completeExceptionally(error);
        }
    }
}
