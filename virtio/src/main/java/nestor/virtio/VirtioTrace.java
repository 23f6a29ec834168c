package nestor.virtio;

import java.util.List;
import jdk.jfr.Description;
import jdk.jfr.Name;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;

/** Trace points of virtqueues. */
public final class VirtioTrace implements TracePoints {
    @Override
    public List<Class<? extends TracePoint>> events() {
        return List.of(QueueMisuse.class);
    }

    /** What a driver does with a queue that it must not. */
    enum Misuse {
        AVAILABLE_INDEX("the available index is further ahead than the queue is long", "§2.7.6"),
        HEAD("an entry of the available ring is no descriptor", "§2.7.6"),
        UNREACHABLE("a ring is in no memory that the device reaches", "§2.7"),
        CHAIN("a descriptor chain is malformed", "§2.7.5");

        private final String rule;
        private final String section;

        Misuse(String rule, String section) {
            this.rule = rule;
            this.section = section;
        }
    }

    @Name("virtqueue_misuse")
    static final class QueueMisuse extends TracePoint {
        @Description("Address of the Descriptor Table")
        long queue;

        String rule = "";

        @Description("Of virtio 1.3")
        String section = "";
    }

    static void misused(VirtqueueLayout layout, Misuse misuse) {
        QueueMisuse event = new QueueMisuse();
        if (event.shouldCommit()) {
            event.queue = layout.descriptorTable();
            event.rule = misuse.rule;
            event.section = misuse.section;
            event.commit();
        }
    }
}
