package nestor.control.web;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.cookie.Cookie;
import io.netty.handler.codec.http.cookie.ServerCookieDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Who may look. A page of another site that a browser shows is kept out by Host (its name may have
 * been bound to our address: DNS rebinding) and Origin (RFC 6454, §7); everybody who has not read
 * the token on the user's terminal, by that.
 */
final class Admission {
    private static final String TOKEN = "token=";

    /** What to say to who may not. */
    record Refusal(HttpResponseStatus status, String reason) {}

    private final String token;
    private final int port;
    private final Set<String> hosts;

    /**
     * @param port where the view listens
     */
    Admission(String token, int port) {
        this.token = token;
        this.port = port;
        this.hosts = Set.of("127.0.0.1:" + port, "localhost:" + port);
    }

    String token() {
        return token;
    }

    /** Cookies know no ports, so the name tells machines apart. */
    String cookie() {
        return "nestor-" + port;
    }

    /** Whether the request line brings the token itself: from the URL that the user was shown. */
    boolean isInvited(HttpRequest request) {
        String uri = request.uri();
        int query = uri.indexOf('?');
        return query >= 0
                && Arrays.stream(uri.substring(query + 1).split("&", -1))
                        .filter(parameter -> parameter.startsWith(TOKEN))
                        .anyMatch(parameter -> isToken(parameter.substring(TOKEN.length())));
    }

    /** Why a request is not answered; empty if it is. */
    Optional<Refusal> refuse(HttpRequest request) {
        if (!request.decoderResult().isSuccess()) {
            return refusal(HttpResponseStatus.BAD_REQUEST, "this is no HTTP request, or too long");
        }
        List<String> host = request.headers().getAll(HttpHeaderNames.HOST);
        if (host.size() != 1 || !hosts.contains(host.getFirst())) {
            return refusal(
                    HttpResponseStatus.FORBIDDEN,
                    "Host: this is 127.0.0.1:%d and nothing else".formatted(port));
        }
        for (String origin : request.headers().getAll(HttpHeaderNames.ORIGIN)) {
            if (!origin.equals("http://" + host.getFirst())) {
                return refusal(
                        HttpResponseStatus.FORBIDDEN, "Origin: pages of other sites get nothing");
            }
        }
        if (!isInvited(request) && !hasCookie(request)) {
            return refusal(
                    HttpResponseStatus.FORBIDDEN,
                    "the token is missing or wrong: use the URL that nestor has printed");
        }
        if (!request.method().equals(HttpMethod.GET)) {
            return refusal(HttpResponseStatus.METHOD_NOT_ALLOWED, "only GET is answered");
        }
        return Optional.empty();
    }

    private boolean hasCookie(HttpRequest request) {
        return request.headers().getAll(HttpHeaderNames.COOKIE).stream()
                .flatMap(text -> ServerCookieDecoder.STRICT.decodeAll(text).stream())
                .filter(one -> one.name().equals(cookie()))
                .map(Cookie::value)
                .anyMatch(this::isToken);
    }

    /** In a time that tells nothing about the token. */
    private boolean isToken(String text) {
        return MessageDigest.isEqual(
                token.getBytes(StandardCharsets.UTF_8), text.getBytes(StandardCharsets.UTF_8));
    }

    private static Optional<Refusal> refusal(HttpResponseStatus status, String reason) {
        return Optional.of(new Refusal(status, reason));
    }
}
