package nestor.testkit;

import java.util.List;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.Stage1;

/** A call that {@link FakeHostIommu} received and carried out. */
public sealed interface HostCall {
    record Nest(int rid, Stage1 stage1) implements HostCall {}

    record Attach(int rid, int pasid, Stage1 stage1) implements HostCall {}

    record Block(int rid, int pasid) implements HostCall {}

    record Bypass(int rid, int pasid) implements HostCall {}

    record Invalidate(List<? extends HostInvalidation> handled) implements HostCall {
        public Invalidate {
            handled = List.copyOf(handled);
        }
    }

    record Respond(int rid, int cookie, boolean resolved) implements HostCall {}

    record Release(int rid) implements HostCall {}

    record Close(int rid, Stage1 stage1) implements HostCall {}
}
