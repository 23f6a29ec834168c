package nestor.virtio.iommu;

import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A request and its status, before the reply waits for DMAs under way. */
@Name("nestor.virtio.iommu.Request")
@Enabled(false)
@StackTrace(false)
final class RequestEvent extends Event {
    String request = "";
    String status = "";

    static void emit(Request request, Status status) {
        RequestEvent event = new RequestEvent();
        if (event.shouldCommit()) {
            event.request = request.toString();
            event.status = status.name();
            event.commit();
        }
    }
}
