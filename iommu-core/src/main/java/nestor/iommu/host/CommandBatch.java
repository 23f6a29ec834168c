package nestor.iommu.host;

import java.util.ArrayList;
import java.util.List;

/** SMMUv3 commands on their way to one host, in the order the guest gave them. Loop only. */
final class CommandBatch {
    /** Commands of one call; the guest's queue may hold more before it synchronizes. */
    private static final int MAX_COMMANDS = 512;

    private final HostIommu host;
    private List<HostInvalidation.SmmuV3Command> commands = new ArrayList<>();
    private final List<HostInvalidation.SmmuV3Command> refused = new ArrayList<>();

    CommandBatch(HostIommu host) {
        this.host = host;
    }

    void add(HostInvalidation.SmmuV3Command command) {
        commands.add(command);
        if (commands.size() >= MAX_COMMANDS) {
            send();
        }
    }

    /** A command that the host refuses keeps it from none of those behind. */
    private void send() {
        List<HostInvalidation.SmmuV3Command> batch = commands;
        commands = new ArrayList<>();
        while (!batch.isEmpty()) {
            int handled;
            try {
                handled = host.invalidate(batch).handled();
            } catch (HostException e) {
                refuse(batch);
                return;
            }
            if (handled < batch.size()) {
                refuse(batch.subList(handled, handled + 1));
            }
            batch = batch.subList(Math.min(handled + 1, batch.size()), batch.size());
        }
    }

    private void refuse(List<HostInvalidation.SmmuV3Command> some) {
        if (refused.size() < MAX_COMMANDS) {
            refused.addAll(some);
        }
    }

    /** Sends what is left; returns what the host refused since the last time. */
    List<HostInvalidation.SmmuV3Command> flush() {
        send();
        List<HostInvalidation.SmmuV3Command> all = List.copyOf(refused);
        refused.clear();
        return all;
    }
}
