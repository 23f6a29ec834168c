package nestor.control.web;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;

/** HTTP as somebody types it who has read the specification, or has not. */
final class RawHttp {
    private RawHttp() {}

    static Socket connect(WebView view) throws IOException {
        return new Socket(InetAddress.getLoopbackAddress(), URI.create(view.url()).getPort());
    }

    /** Sends a text and reads all that comes back until the server ends the connection. */
    static String exchange(WebView view, String text) throws IOException {
        try (Socket socket = connect(view)) {
            OutputStream out = socket.getOutputStream();
            out.write(text.getBytes(StandardCharsets.US_ASCII));
            out.flush();
            return read(socket);
        }
    }

    static String read(Socket socket) throws IOException {
        return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    /** The address that the view's own pages name. */
    static String authority(WebView view) {
        return URI.create(view.url()).getAuthority();
    }

    /** The cookie that a browser has after the first page. */
    static String cookie(WebView view) {
        URI url = URI.create(view.url());
        return "nestor-%d=%s".formatted(url.getPort(), url.getQuery().substring("token=".length()));
    }
}
