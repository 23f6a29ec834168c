package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import nestor.control.ListenAddress;
import nestor.control.socket.RunningGuest;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WebViewTest {
    private static final int LINE_BYTES = 10 << 20;

    @TempDir private static Path folder;
    private static RunningGuest guest;
    private static WebView view;

    @BeforeAll
    static void start() throws Exception {
        guest = new RunningGuest(CountingGuest.VIRT, folder);
        view = WebView.open(guest.server, new ListenAddress.Loopback(0), guest.controlled);
    }

    @AfterAll
    static void stop() throws IOException {
        view.close();
        guest.close();
    }

    private HttpResponse<String> browse(HttpClient browser, String path) throws Exception {
        URI uri = URI.create(view.url()).resolve(path);
        return browser.send(
                HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString());
    }

    private static HttpClient browser() {
        return HttpClient.newBuilder()
                .followRedirects(HttpClient.Redirect.NORMAL)
                .cookieHandler(new CookieManager())
                .build();
    }

    @Test
    void thePrintedUrlLeadsToThePageAndTheTokenLeavesTheAddressBar() throws Exception {
        try (HttpClient browser = browser()) {
            HttpResponse<String> page = browse(browser, view.url());
            assertThat(page.statusCode()).isEqualTo(200);
            assertThat(page.uri().toString()).doesNotContain("token");
            assertThat(page.body()).contains("<script type=\"module\" src=\"app.js\">");
        }
    }

    @Test
    @DisplayName(
            "CSP 3: every file comes with a policy that permits no inline code and no other site")
    void everyFileIsServedStrictly() throws Exception {
        try (HttpClient browser = browser()) {
            browse(browser, view.url());
            for (String file : Assets.FILES) {
                HttpResponse<String> answer = browse(browser, "/" + file);
                assertThat(answer.statusCode()).describedAs(file).isEqualTo(200);
                assertThat(answer.headers().firstValue("Content-Security-Policy").orElseThrow())
                        .startsWith("default-src 'none'; script-src 'self'; style-src 'self'")
                        .doesNotContain("unsafe");
                assertThat(answer.headers().firstValue("X-Content-Type-Options"))
                        .hasValue("nosniff");
                assertThat(answer.headers().firstValue("Referrer-Policy")).hasValue("no-referrer");
                assertThat(answer.headers().firstValue("Cache-Control")).hasValue("no-store");
            }
            assertThat(browse(browser, "/app.js").headers().firstValue("Content-Type"))
                    .hasValue("text/javascript; charset=utf-8");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/nothing",
                "/../WebView.class",
                "/%2e%2e/WebView.class",
                "/vendor/",
                "/vendor/SHA256SUMS",
                "//app.js",
                "/app.js%00"
            })
    void whatIsNoFileOfThePagesIsNotFound(String path) throws Exception {
        assertThat(get(path, authority(), "Cookie: " + RawHttp.cookie(view)))
                .startsWith("HTTP/1.1 404 ")
                .endsWith("\r\n\r\nnestor: there is no such page\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/?token=", "/?token=00112233445566778899aabbccddeeff", "/app.js"})
    void whoHasNoTokenGetsOneLine(String path) throws Exception {
        assertThat(get(path, authority(), "Cookie: nestor=1; other=2"))
                .startsWith("HTTP/1.1 403 ")
                .endsWith(
                        "\r\n\r\nnestor: the token is missing or wrong: use the URL that nestor has"
                                + " printed\n");
    }

    @Test
    void theTokenOfAnotherMachineIsNone() throws Exception {
        try (WebView other =
                WebView.open(guest.server, new ListenAddress.Loopback(0), guest.controlled)) {
            assertThat(get("/", authority(), "Cookie: " + RawHttp.cookie(other)))
                    .startsWith("HTTP/1.1 403 ");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"evil.example", "127.0.0.1", "evil.example:%d", "127.0.0.1:%d.evil.example"})
    @DisplayName("DNS rebinding: a name that was bound to our address gets nothing, token or not")
    void anotherHostIsRefused(String host) throws Exception {
        String named = host.formatted(URI.create(view.url()).getPort());
        assertThat(get("/", named, "Cookie: " + RawHttp.cookie(view)))
                .startsWith("HTTP/1.1 403 ")
                .contains("nestor: Host: this is 127.0.0.1:");
    }

    @Test
    void twoHostsAreRefused() throws Exception {
        assertThat(get("/", authority(), "Host: evil.example\r\nCookie: " + RawHttp.cookie(view)))
                .matches("(?s)HTTP/1.1 40[03] .*");
    }

    @ParameterizedTest
    @CsvSource({"/app.js, http://evil.example", "/socket, http://evil.example", "/socket, null"})
    @DisplayName("RFC 6454 §7: a page of another origin gets nothing, and no WebSocket")
    void anotherOriginIsRefused(String path, String origin) throws Exception {
        String headers =
                "Cookie: %s\r\nOrigin: %s\r\n%s"
                        .formatted(RawHttp.cookie(view), origin, WebSocketClient.UPGRADE);
        assertThat(get(path, authority(), headers))
                .startsWith("HTTP/1.1 403 ")
                .endsWith("nestor: Origin: pages of other sites get nothing\n");
    }

    @Test
    void onlyGetIsAnsweredAndWithoutABody() throws Exception {
        String rest =
                " / HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n"
                        .formatted(authority(), RawHttp.cookie(view));
        assertThat(RawHttp.exchange(view, "DELETE" + rest + "\r\n")).startsWith("HTTP/1.1 405 ");
        assertThat(RawHttp.exchange(view, "GET" + rest + "Content-Length: 5\r\n\r\nhello"))
                .startsWith("HTTP/1.1 413 ");
        assertThat(
                        RawHttp.exchange(
                                view,
                                "GET" + rest + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
                .startsWith("HTTP/1.1 413 ");
    }

    @ParameterizedTest
    @ValueSource(strings = {"GET /%s HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX: %s\r\n", "%s\r\n"})
    void aRequestOfTenMebibytesIsRefusedInOneMessage(String request) throws Exception {
        assertThat(RawHttp.exchange(view, request.formatted("x".repeat(LINE_BYTES)) + "\r\n"))
                .startsWith("HTTP/1.1 400 ")
                .endsWith("nestor: this is no HTTP request, or too long\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"hello\r\n\r\n", "{\"execute\": \"quit\"}\r\n\r\n", "GET\r\n\r\n"})
    void whatIsNoHttpIsToldSo(String text) throws Exception {
        assertThat(RawHttp.exchange(view, text)).startsWith("HTTP/1.1 400 ");
    }

    @Test
    void theSocketIsForWebSocketsOnly() throws Exception {
        assertThat(get("/socket", authority(), "Cookie: " + RawHttp.cookie(view)))
                .startsWith("HTTP/1.1 426 ")
                .endsWith("nestor: this is a WebSocket, version 13\n");
    }

    private String authority() {
        return RawHttp.authority(view);
    }

    private String get(String path, String host, String headers) throws IOException {
        return RawHttp.exchange(
                view, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n".formatted(path, host, headers));
    }
}
