package nestor.control.web;

import io.netty.channel.Channel;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * The connections that there are at one time. When there are as many as may be and another comes,
 * the oldest that has not shown the token makes room for it.
 */
final class Audience {
    /** Bound on connections, whatever they are for. */
    static final int MAX_CONNECTIONS = 128;

    /** Bound on pages that look at the same time. */
    static final int MAX_SESSIONS = 16;

    /** In the order in which they came, and whether they have shown the token. */
    private final Map<Channel, BooleanSupplier> connections = new LinkedHashMap<>();

    private int sessions;

    /** Lets a connection in, unless all others have a better claim. */
    synchronized boolean admit(Channel channel, BooleanSupplier admitted) {
        if (connections.size() >= MAX_CONNECTIONS && !makeRoom()) {
            return false;
        }
        connections.put(channel, admitted);
        channel.closeFuture().addListener(_ -> forget(channel));
        return true;
    }

    private boolean makeRoom() {
        Iterator<Map.Entry<Channel, BooleanSupplier>> all = connections.entrySet().iterator();
        while (all.hasNext()) {
            Map.Entry<Channel, BooleanSupplier> oldest = all.next();
            if (!oldest.getValue().getAsBoolean()) {
                all.remove();
                var _ = oldest.getKey().close();
                return true;
            }
        }
        return false;
    }

    private synchronized void forget(Channel channel) {
        connections.remove(channel);
    }

    /** Lets a connection become a session, if there is room; given back when it ends. */
    synchronized boolean admitSession(Channel channel) {
        if (sessions >= MAX_SESSIONS) {
            return false;
        }
        sessions++;
        channel.closeFuture().addListener(_ -> endSession());
        return true;
    }

    private synchronized void endSession() {
        sessions--;
    }

    synchronized int sessions() {
        return sessions;
    }
}
