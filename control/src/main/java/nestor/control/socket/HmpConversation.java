package nestor.control.socket;

import java.nio.charset.StandardCharsets;
import java.util.Optional;
import nestor.control.hmp.HmpCommands;
import nestor.machine.MachineEvent;

/** A client that speaks HMP: a prompt, a line, an answer. */
public final class HmpConversation implements Conversation {
    private static final String PROMPT = "(nestor) ";

    private final HmpCommands commands;
    private volatile boolean settled;

    public HmpConversation(HmpCommands commands) {
        this.commands = commands;
    }

    @Override
    public byte[] greeting() {
        return bytes("Nestor monitor: 'help' lists the commands\n" + PROMPT);
    }

    @Override
    public byte[] answer(byte[] message) {
        String answer = commands.execute(new String(message, StandardCharsets.UTF_8));
        settled |= !answer.startsWith("Error: ");
        return bytes(answer + PROMPT);
    }

    @Override
    public byte[] tooLong() {
        return bytes("Error: a line has %d bytes at most\n".formatted(Framing.MAX_BYTES) + PROMPT);
    }

    @Override
    public byte[] refusal(int clients) {
        return bytes("Error: there are %d clients already\n".formatted(clients));
    }

    @Override
    public Optional<byte[]> event(MachineEvent event) {
        return Optional.empty();
    }

    @Override
    public boolean isSettled() {
        return settled;
    }

    @Override
    public boolean isOver() {
        return false;
    }

    @Override
    public Framing framing() {
        return Framing.lines();
    }

    private static byte[] bytes(String text) {
        return text.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8);
    }
}
