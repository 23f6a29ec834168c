package nestor.virtio.iommu;

import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A DMA that was refused. */
@Name("nestor.virtio.iommu.Fault")
@Enabled(false)
@StackTrace(false)
final class FaultEvent extends Event {
    String reason = "";
    int endpoint;
    int pasid;
    long address;
    int access;

    static void emit(Fault fault) {
        FaultEvent event = new FaultEvent();
        if (event.shouldCommit()) {
            event.reason = fault.reason().name();
            event.endpoint = fault.requester().rid();
            event.pasid = fault.requester().pasid();
            event.address = fault.address();
            event.access = fault.access();
            event.commit();
        }
    }
}
