package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import nestor.control.ListenAddress;
import nestor.control.socket.RunningGuest;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients that are many, mute, slow, wrong or greedy. The guest goes on; so do the others. */
class MisbehavingBrowsersTest {
    private static final int MANY = 100;
    private static final int FRAME_BYTES = 10 << 20;

    @TempDir private Path folder;
    private RunningGuest guest;
    private WebView view;

    @BeforeEach
    void start() throws Exception {
        guest = new RunningGuest(CountingGuest.VIRT, folder);
        view = WebView.open(guest.server, new ListenAddress.Loopback(0), guest.controlled);
        guest.awaitMoreThan(0);
    }

    /** The guest has made progress, and a page that behaves is served. */
    @AfterEach
    void theGuestGoesOnAndAPageIsServed() throws Exception {
        long before = guest.machine.retiredInstructions();
        while (guest.machine.retiredInstructions() == before) {
            Thread.onSpinWait();
        }
        while (view.sessionCount() >= Audience.MAX_SESSIONS) {
            Thread.onSpinWait();
        }
        try (WebSocketClient page = new WebSocketClient(view)) {
            assertThat(page.ask("{\"id\": 1, \"views\": [\"status\"]}").at("/views/status/running"))
                    .isNotNull();
        }
        view.close();
        guest.close();
    }

    private Socket connect() throws Exception {
        return RawHttp.connect(view);
    }

    private void send(Socket socket, String text) throws Exception {
        OutputStream out = socket.getOutputStream();
        out.write(text.getBytes(StandardCharsets.US_ASCII));
        out.flush();
    }

    private String upgrade() {
        return "GET /socket HTTP/1.1\r\nHost: %s\r\nCookie: %s\r\n%s\r\n\r\n"
                .formatted(RawHttp.authority(view), RawHttp.cookie(view), WebSocketClient.UPGRADE);
    }

    /** A status line. */
    private static String line(InputStream in) throws Exception {
        StringBuilder line = new StringBuilder();
        int next;
        while ((next = in.read()) >= 0 && next != '\n') {
            line.append((char) next);
        }
        return line.toString().strip();
    }

    @Test
    void muteConnectionsMakeRoomForThoseThatCome() throws Exception {
        List<Socket> mute = new ArrayList<>();
        for (int i = 0; i < 2 * Audience.MAX_CONNECTIONS; i++) {
            mute.add(connect());
        }
        assertThat(mute.getFirst().getInputStream().read()).isEqualTo(-1);
        try (WebSocketClient page = new WebSocketClient(view)) {
            assertThat(page.ask("{\"id\": 1, \"views\": [\"version\"]}").has("views")).isTrue();
        }
        for (Socket socket : mute) {
            socket.close();
        }
    }

    @Test
    void ofAHundredPagesThoseThatFitLookAndTheOthersAreToldInOneMessage() throws Exception {
        List<Socket> pages = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            Socket page = connect();
            send(page, upgrade());
            pages.add(page);
        }
        int looking = 0;
        for (Socket page : pages) {
            InputStream in = page.getInputStream();
            String status = line(in);
            if (status.equals("HTTP/1.1 101 Switching Protocols")) {
                looking++;
            } else {
                assertThat(status).isEqualTo("HTTP/1.1 503 Service Unavailable");
                assertThat(RawHttp.read(page)).endsWith("\r\n\r\nnestor: 16 pages look already\n");
            }
        }
        assertThat(looking).isEqualTo(Audience.MAX_SESSIONS);
        assertThat(view.sessionCount()).isEqualTo(Audience.MAX_SESSIONS);
        for (Socket page : pages) {
            page.close();
        }
    }

    @Test
    void aHundredWrongTokensAreRefusedEachInOneMessage() throws Exception {
        for (int i = 0; i < MANY; i++) {
            assertThat(
                            RawHttp.exchange(
                                    view,
                                    "GET /?token=%032x HTTP/1.1\r\nHost: %s\r\n\r\n"
                                            .formatted(i, RawHttp.authority(view))))
                    .startsWith("HTTP/1.1 403 ");
        }
    }

    @Test
    @DisplayName("RFC 6455 §7.4.1: a frame of ten mebibytes ends its session with 1009 or at once")
    void aFrameOfTenMebibytesEndsItsSession() throws Exception {
        try (Socket page = connect()) {
            send(page, upgrade());
            InputStream in = page.getInputStream();
            assertThat(line(in)).contains("101");
            while (!line(in).isEmpty()) {
                // the rest of the answer's head
            }
            // In one piece: what the server finds unread when it closes would reset the connection.
            ByteBuffer frame = ByteBuffer.allocate(14);
            frame.putShort((short) 0x81ff).putLong(FRAME_BYTES).putInt(0);
            page.getOutputStream().write(frame.array());
            int first = in.read();
            assertThat(first).isIn(0x88, -1);
            if (first == 0x88) {
                in.read();
                assertThat(in.read() << 8 | in.read()).isEqualTo(1009);
            }
        }
    }

    @Test
    void aPageThatAsksAndNeverReadsHoldsUpNobody() throws Exception {
        try (Socket slow = connect();
                WebSocketClient other = new WebSocketClient(view)) {
            send(slow, upgrade());
            assertThat(line(slow.getInputStream())).contains("101");
            byte[] question =
                    "{\"id\":1,\"views\":[\"pci\",\"qtree\",\"mtree\",\"iommu\"]}"
                            .getBytes(StandardCharsets.US_ASCII);
            for (int i = 0; i < 1000; i++) {
                OutputStream out = slow.getOutputStream();
                out.write(new byte[] {(byte) 0x81, (byte) (0x80 | question.length), 0, 0, 0, 0});
                out.write(question);
            }
            for (int i = 0; i < 5; i++) {
                assertThat(other.ask("{\"id\": 1, \"views\": [\"status\"]}").has("views")).isTrue();
            }
        }
    }
}
