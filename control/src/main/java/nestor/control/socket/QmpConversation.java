package nestor.control.socket;

import java.io.ByteArrayOutputStream;
import java.time.InstantSource;
import java.util.Optional;
import nestor.control.Json;
import nestor.control.qmp.QmpCommands;
import nestor.control.qmp.QmpSession;
import nestor.machine.MachineEvent;
import tools.jackson.databind.node.ObjectNode;

/** A client that speaks QMP: a JSON object on each line. */
public final class QmpConversation implements Conversation {
    private final QmpSession session;
    private volatile boolean over;

    public QmpConversation(QmpCommands commands, InstantSource time) {
        session = new QmpSession(commands, time);
    }

    @Override
    public byte[] greeting() {
        return line(session.greeting());
    }

    @Override
    public byte[] answer(byte[] message) {
        boolean before = session.isNegotiated();
        ObjectNode reply = session.accept(message);
        // Who begins with something else than JSON speaks another protocol, and may be a browser.
        over = !before && message[0] != '{' && message[0] != '[';
        return line(reply);
    }

    @Override
    public byte[] tooLong() {
        return line(
                QmpSession.refusal("a message has %d bytes at most".formatted(Framing.MAX_BYTES)));
    }

    @Override
    public byte[] refusal(int clients) {
        return line(QmpSession.refusal("there are %d clients already".formatted(clients)));
    }

    @Override
    public Optional<byte[]> event(MachineEvent event) {
        return session.event(event).map(QmpConversation::line);
    }

    @Override
    public boolean isSettled() {
        return session.isNegotiated();
    }

    @Override
    public boolean isOver() {
        return over;
    }

    @Override
    public Framing framing() {
        return Framing.json();
    }

    private static byte[] line(ObjectNode message) {
        byte[] text = Json.write(message);
        ByteArrayOutputStream line = new ByteArrayOutputStream(text.length + 2);
        line.writeBytes(text);
        line.write('\r');
        line.write('\n');
        return line.toByteArray();
    }
}
