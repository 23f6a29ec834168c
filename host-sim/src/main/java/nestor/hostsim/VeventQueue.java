package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.Vevent;

/** Events of a vIOMMU on their way to user space. */
final class VeventQueue extends HostObject implements HostFile {
    private record Event(int sequence, Struct data) {}

    private final Viommu viommu;
    private final int type;
    private final int depth;
    private final Deque<Event> events = new ArrayDeque<>();
    private int sequence;

    /** The number of the last event that did not fit; -1 if none is missing at the tail. */
    private int lost = -1;

    private boolean open = true;

    VeventQueue(Viommu viommu, int type, int depth) {
        this.viommu = viommu;
        this.type = type;
        this.depth = depth;
        viommu.hold();
        viommu.events(this);
    }

    int type() {
        return type;
    }

    void add(byte[] data) {
        int number = sequence;
        sequence = sequence + 1 & Integer.MAX_VALUE;
        if (events.size() >= depth) {
            lost = number;
        } else {
            lost = -1;
            events.add(new Event(number, new Struct(MemorySegment.ofArray(data))));
        }
    }

    @Override
    public int read(Struct into, long room) throws Refusal {
        Refusal.when(room < Vevent.HEADER_BYTES, Errno.EINVAL);
        int at = 0;
        while (!events.isEmpty()) {
            Event event = events.peek();
            int bytes = Vevent.HEADER_BYTES + (int) event.data().bytes().byteSize();
            if (at + bytes > room) {
                Refusal.when(at == 0, Errno.EINVAL);
                return at;
            }
            events.remove();
            into.word(at + Vevent.FLAGS, 0).word(at + Vevent.SEQUENCE, event.sequence());
            into.bytes()
                    .asSlice(at + Vevent.HEADER_BYTES, event.data().bytes().byteSize())
                    .copyFrom(event.data().bytes());
            at += bytes;
        }
        if (lost >= 0 && at + Vevent.HEADER_BYTES <= room) {
            into.word(at + Vevent.FLAGS, Vevent.LOST_EVENTS).word(at + Vevent.SEQUENCE, lost);
            lost = -1;
            at += Vevent.HEADER_BYTES;
        }
        return at;
    }

    @Override
    public boolean isReadable() {
        return !events.isEmpty() || lost >= 0;
    }

    @Override
    public void closed() {
        open = false;
    }

    @Override
    void destroy() throws Refusal {
        Refusal.when(open, Errno.EBUSY);
        super.destroy();
        viommu.events(null);
        viommu.letGo();
    }
}
