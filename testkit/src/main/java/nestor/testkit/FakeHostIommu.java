package nestor.testkit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.HostIommu;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.InvalidationProgress;
import nestor.iommu.host.NestedDomain;
import nestor.iommu.host.Stage1;
import org.jspecify.annotations.Nullable;

/**
 * A host that records what it is asked, keeps the books that a kernel keeps, and fails on command.
 * It watches the rule that a change of attachment never passes through identity: a bypass that the
 * test did not say was intended is an {@link AssertionError}, thrown where it happens.
 */
public final class FakeHostIommu implements HostIommu {
    private static final int EBUSY = 16;
    private static final int ENODEV = 19;
    private static final int EINVAL = 22;

    /** What one PASID of one device is attached to. */
    public sealed interface Attachment {
        record Blocked() implements Attachment {}

        record Bypassed() implements Attachment {}

        record Nested(Stage1 stage1) implements Attachment {}
    }

    private record Context(int rid, int pasid) {}

    private final Map<Integer, Device> devices = new HashMap<>();
    private final Map<Context, @Nullable Domain> attached = new HashMap<>();
    private final Set<Context> bypassed = new HashSet<>();
    private final Set<Context> mayBypass = new HashSet<>();
    private final List<HostCall> calls = new ArrayList<>();
    private int openDomains;
    private int callsUntilFailure = -1;
    private int errno;
    private boolean failsAlways;
    private int invalidationsUntilRefusal = -1;
    private InvalidationProgress.@Nullable Kind hardwareError;

    /** Assigns a device. */
    public void assign(int rid) {
        devices.put(rid, new Device(rid));
    }

    /** From now on, until the next change of attachment, {@code pasid} is meant to be bypassed. */
    public void intendBypass(int rid, int pasid) {
        mayBypass.add(new Context(rid, pasid));
    }

    /** No bypass of {@code pasid} is meant any more. */
    public void forbidBypass(int rid, int pasid) {
        mayBypass.remove(new Context(rid, pasid));
    }

    /** Every call fails, until {@link #failAfter}. */
    public void failAlways(int errno) {
        failsAlways = true;
        this.errno = errno;
    }

    /** The call after {@code calls} more fails, and changes nothing; none does if negative. */
    public void failAfter(int calls, int errno) {
        failsAlways = false;
        callsUntilFailure = calls;
        this.errno = errno;
    }

    /** The invalidation after {@code invalidations} more is refused, once. */
    public void refuseInvalidationAfter(int invalidations) {
        invalidationsUntilRefusal = invalidations;
    }

    /** Hardware does not carry out the next invalidation, which the host handles all the same. */
    public void failInvalidation(InvalidationProgress.Kind kind) {
        hardwareError = kind;
    }

    /** Where what hardware reports of {@code rid} goes. */
    public HostReports reports(int rid) {
        Device device = devices.get(rid);
        HostReports reports = device == null ? null : device.reports;
        if (reports == null) {
            throw new AssertionError("nobody listens");
        }
        return reports;
    }

    /** What was carried out, oldest first. */
    public List<HostCall> calls() {
        return List.copyOf(calls);
    }

    public Attachment attachment(int rid, int pasid) {
        Context context = new Context(rid, pasid);
        Domain domain = attached.get(context);
        if (domain != null) {
            return new Attachment.Nested(domain.stage1);
        }
        return bypassed.contains(context) ? new Attachment.Bypassed() : new Attachment.Blocked();
    }

    /** Domains made and not closed. */
    public int openDomains() {
        return openDomains;
    }

    @Override
    public HostDevice device(int rid) throws HostException {
        Device device = devices.get(rid);
        if (device == null) {
            throw new HostException("device", ENODEV);
        }
        return device;
    }

    @Override
    public InvalidationProgress invalidate(List<HostInvalidation.SmmuV3Command> batch)
            throws HostException {
        return handle(batch);
    }

    private InvalidationProgress handle(List<? extends HostInvalidation> batch)
            throws HostException {
        enter("invalidate");
        int handled = batch.size();
        if (invalidationsUntilRefusal >= 0 && invalidationsUntilRefusal < handled) {
            handled = invalidationsUntilRefusal;
            invalidationsUntilRefusal = -1;
        } else if (invalidationsUntilRefusal >= 0) {
            invalidationsUntilRefusal -= handled;
        }
        calls.add(new HostCall.Invalidate(batch.subList(0, handled)));
        InvalidationProgress.Kind kind = hardwareError;
        hardwareError = null;
        return kind == null
                ? InvalidationProgress.of(handled)
                : new InvalidationProgress(
                        handled, List.of(new InvalidationProgress.EntryError(0, kind)));
    }

    private void enter(String operation) throws HostException {
        if (failsAlways) {
            throw new HostException(operation, errno);
        }
        if (callsUntilFailure == 0) {
            callsUntilFailure = -1;
            throw new HostException(operation, errno);
        }
        if (callsUntilFailure > 0) {
            callsUntilFailure--;
        }
    }

    private void change(Context context, @Nullable Domain domain, boolean bypass) {
        if (bypass && !mayBypass.contains(context)) {
            throw new AssertionError("%s passed through identity".formatted(context));
        }
        mayBypass.remove(context);
        bypassed.remove(context);
        attached.put(context, domain);
        if (bypass) {
            bypassed.add(context);
        }
    }

    private final class Device implements HostDevice {
        private final int rid;
        private @Nullable HostReports reports;

        Device(int rid) {
            this.rid = rid;
        }

        @Override
        public NestedDomain nest(Stage1 stage1) throws HostException {
            enter("nest");
            calls.add(new HostCall.Nest(rid, stage1));
            openDomains++;
            return new Domain(this, stage1);
        }

        @Override
        public void attach(int pasid, NestedDomain domain) throws HostException {
            enter("attach");
            if (!(domain instanceof Domain ours) || ours.device != this || !ours.open) {
                throw new HostException("attach", EINVAL);
            }
            change(new Context(rid, pasid), ours, false);
            calls.add(new HostCall.Attach(rid, pasid, ours.stage1));
        }

        @Override
        public void block(int pasid) throws HostException {
            enter("block");
            change(new Context(rid, pasid), null, false);
            calls.add(new HostCall.Block(rid, pasid));
        }

        @Override
        public void bypass(int pasid) throws HostException {
            enter("bypass");
            change(new Context(rid, pasid), null, true);
            calls.add(new HostCall.Bypass(rid, pasid));
        }

        @Override
        public void report(HostReports to) {
            reports = to;
        }

        @Override
        public void respond(int cookie, boolean resolved) throws HostException {
            enter("respond");
            calls.add(new HostCall.Respond(rid, cookie, resolved));
        }

        @Override
        public void release() throws HostException {
            attached.keySet().removeIf(context -> context.rid == rid);
            bypassed.removeIf(context -> context.rid == rid);
            reports = null;
            enter("release");
            calls.add(new HostCall.Release(rid));
        }
    }

    private final class Domain implements NestedDomain {
        final Device device;
        final Stage1 stage1;
        boolean open = true;

        Domain(Device device, Stage1 stage1) {
            this.device = device;
            this.stage1 = stage1;
        }

        @Override
        public Stage1 stage1() {
            return stage1;
        }

        @Override
        public InvalidationProgress invalidate(List<HostInvalidation.VtdRange> batch)
                throws HostException {
            return handle(batch);
        }

        @Override
        public void close() throws HostException {
            enter("close");
            if (attached.containsValue(this)) {
                throw new HostException("close", EBUSY);
            }
            if (open) {
                open = false;
                openDomains--;
                calls.add(new HostCall.Close(device.rid, stage1));
            }
        }
    }
}
