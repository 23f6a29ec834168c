package nestor.tests;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A headless Chromium with one page, driven over its DevTools protocol. */
final class Chromium implements AutoCloseable {
    private static final Path PROGRAM = Path.of("/usr/bin/chromium");
    private static final Pattern LISTENING = Pattern.compile("DevTools listening on (ws://\\S+)");
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Path profile;
    private final Process process;
    private final HttpClient http = HttpClient.newHttpClient();
    private final Map<Integer, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
    private final WebSocket socket;
    private final String session;
    private int lastId;

    private Chromium(Path profile) throws IOException {
        this.profile = profile;
        process =
                new ProcessBuilder(
                                PROGRAM.toString(),
                                "--headless",
                                "--no-sandbox",
                                "--disable-gpu",
                                "--hide-scrollbars",
                                "--no-first-run",
                                "--disable-extensions",
                                "--disable-background-networking",
                                "--disable-dev-shm-usage",
                                "--user-data-dir=" + profile,
                                "--remote-debugging-port=0",
                                "about:blank")
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        socket = http.newWebSocketBuilder().buildAsync(endpoint(), new Replies()).join();
        JsonNode target = command("", "Target.createTarget", "{\"url\": \"about:blank\"}");
        session =
                command(
                                "",
                                "Target.attachToTarget",
                                "{\"targetId\": \"%s\", \"flatten\": true}"
                                        .formatted(target.get("targetId").asString()))
                        .get("sessionId")
                        .asString();
        page("Page.enable", "{}");
        page("Runtime.enable", "{}");
    }

    /**
     * Starts it.
     *
     * @param profile an empty folder of its own
     */
    static Chromium start(Path profile) throws IOException {
        return new Chromium(profile);
    }

    /** Why there is none here; a machine that is ours alone gets Debian's package first. */
    static Optional<String> missing() throws IOException, InterruptedException {
        if (!Files.isExecutable(PROGRAM) && System.getProperty("user.name").equals("root")) {
            Process apt =
                    new ProcessBuilder("apt-get", "install", "-y", "-qq", "chromium")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
            if (!apt.waitFor(5, TimeUnit.MINUTES)) {
                apt.destroyForcibly();
            }
        }
        return Files.isExecutable(PROGRAM)
                ? Optional.empty()
                : Optional.of(PROGRAM + " is missing: Debian's package chromium has it");
    }

    private URI endpoint() throws IOException {
        BufferedReader errors = process.errorReader(StandardCharsets.UTF_8);
        StringBuilder said = new StringBuilder();
        String line;
        while ((line = errors.readLine()) != null) {
            said.append(line).append('\n');
            Matcher listening = LISTENING.matcher(line);
            if (listening.find()) {
                Thread.ofPlatform().daemon().start(() -> errors.lines().forEach(_ -> {}));
                return URI.create(listening.group(1));
            }
        }
        throw new AssertionError("Chromium has ended:\n" + said);
    }

    private JsonNode command(String inSession, String method, String parameters) {
        int id = ++lastId;
        ObjectNode message = JSON.createObjectNode();
        message.put("id", id).put("method", method);
        message.set("params", JSON.readTree(parameters));
        if (!inSession.isEmpty()) {
            message.put("sessionId", inSession);
        }
        CompletableFuture<JsonNode> reply = new CompletableFuture<>();
        waiting.put(id, reply);
        socket.sendText(message.toString(), true).join();
        JsonNode answer = reply.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
        if (answer.has("error")) {
            throw new AssertionError(method + ": " + answer.get("error"));
        }
        return answer.get("result");
    }

    private JsonNode page(String method, String parameters) {
        return command(session, method, parameters);
    }

    /** Sets the size of the page, in CSS pixels. */
    void size(int width, int height) {
        page(
                "Emulation.setDeviceMetricsOverride",
                "{\"width\": %d, \"height\": %d, \"deviceScaleFactor\": 1, \"mobile\": false}"
                        .formatted(width, height));
    }

    /** What the system prefers: {@code light} or {@code dark}. */
    void colorScheme(String scheme) {
        page(
                "Emulation.setEmulatedMedia",
                "{\"features\": [{\"name\": \"prefers-color-scheme\", \"value\": \"%s\"}]}"
                        .formatted(scheme));
    }

    void open(String url) {
        page("Page.navigate", "{\"url\": \"%s\"}".formatted(url));
    }

    /** The value of an expression; awaited if it is a promise. */
    JsonNode evaluate(String expression) {
        ObjectNode parameters = JSON.createObjectNode();
        parameters
                .put("expression", expression)
                .put("returnByValue", true)
                .put("awaitPromise", true);
        JsonNode result = page("Runtime.evaluate", parameters.toString());
        if (result.has("exceptionDetails")) {
            throw new AssertionError(expression + ": " + result.get("exceptionDetails"));
        }
        return result.get("result").path("value");
    }

    /** Waits until an expression is true. */
    void await(String expression) {
        String promise =
                """
                new Promise((resolve, reject) => {
                  const look = left => {
                    if (%s) resolve(true);
                    else if (left === 0) reject(new Error(document.body.innerText));
                    else setTimeout(() => look(left - 1), 100);
                  };
                  look(%d);
                })\
                """
                        .formatted(expression, LIMIT.toMillis() / 200);
        evaluate(promise);
    }

    /** Presses and releases a key, as DevTools names it. */
    void press(String key, int code) {
        for (String type : new String[] {"keyDown", "keyUp"}) {
            page(
                    "Input.dispatchKeyEvent",
                    "{\"type\": \"%s\", \"key\": \"%s\", \"code\": \"%s\", \"windowsVirtualKeyCode\": %d%s}"
                            .formatted(
                                    type,
                                    key,
                                    key,
                                    code,
                                    key.equals("Enter") && type.equals("keyDown")
                                            ? ", \"text\": \"\\r\""
                                            : ""));
        }
    }

    /** The page as it looks. */
    byte[] screenshot() {
        JsonNode png = page("Page.captureScreenshot", "{\"format\": \"png\"}");
        return Base64.getDecoder().decode(png.get("data").asString());
    }

    @Override
    public void close() throws IOException {
        socket.abort();
        http.shutdownNow();
        http.close();
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        process.onExit().join();
        try (Stream<Path> files = Files.walk(profile)) {
            files.forEach(file -> file.toFile().deleteOnExit());
        }
    }

    private final class Replies implements WebSocket.Listener {
        private final StringBuilder text = new StringBuilder();

        @Override
        public @Nullable CompletionStage<?> onText(
                WebSocket from, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                JsonNode message = JSON.readTree(text.toString());
                text.setLength(0);
                if (message.has("id")) {
                    CompletableFuture<JsonNode> reply = waiting.remove(message.get("id").asInt());
                    if (reply != null) {
                        reply.complete(message);
                    }
                }
            }
            from.request(1);
            return null;
        }

        @Override
        public void onError(WebSocket from, Throwable error) {
            waiting.values().forEach(reply -> reply.completeExceptionally(error));
        }
    }
}
