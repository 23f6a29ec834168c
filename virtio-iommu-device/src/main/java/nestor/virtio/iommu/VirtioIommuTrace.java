package nestor.virtio.iommu;

import java.util.List;
import jdk.jfr.Description;
import jdk.jfr.Name;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;

/** Trace points of the virtio-iommu, under QEMU's names where it has them. */
public final class VirtioIommuTrace implements TracePoints {
    @Override
    public List<Class<? extends TracePoint>> events() {
        return List.of(RequestAnswered.class, FaultReported.class);
    }

    @Name("virtio_iommu_cmd")
    static final class RequestAnswered extends TracePoint {
        String request = "";

        @Description("Before the reply waits for DMAs under way")
        String status = "";
    }

    @Name("virtio_iommu_report_fault")
    static final class FaultReported extends TracePoint {
        String reason = "";
        int endpoint;

        @Description("-1 without one")
        int pasid;

        long address;

        @Description("1 read, 2 write, 4 execute")
        int access;
    }

    static void request(Request request, Status status) {
        RequestAnswered event = new RequestAnswered();
        if (event.shouldCommit()) {
            event.request = request.toString();
            event.status = status.name();
            event.commit();
        }
    }

    static void fault(Fault fault) {
        FaultReported event = new FaultReported();
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
