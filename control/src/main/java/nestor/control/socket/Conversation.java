package nestor.control.socket;

import java.util.Optional;
import nestor.machine.MachineEvent;

/**
 * What the server says to one client. All methods but {@link #event} and {@link #isSettled} are
 * called on the control thread, in the order of the client's messages.
 */
public interface Conversation {
    /** What the client is sent first. */
    byte[] greeting();

    /** The answer to a message; may be empty. */
    byte[] answer(byte[] message);

    /** The answer to a message that is longer than {@link Framing#MAX_BYTES}. */
    byte[] tooLong();

    /** What a client is told that finds as many others; on Netty's loop. */
    byte[] refusal(int clients);

    /** What an event is told as; empty if this client does not want to know. Any thread. */
    Optional<byte[]> event(MachineEvent event);

    /** Whether the client has shown that it speaks this protocol. Any thread. */
    boolean isSettled();

    /** Whether the connection is to end after the last answer. */
    boolean isOver();

    /** How messages are told apart; a new one for each client. */
    Framing framing();
}
