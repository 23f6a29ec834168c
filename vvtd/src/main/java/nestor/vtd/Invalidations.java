package nestor.vtd;

import java.util.List;
import java.util.function.IntPredicate;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.host.HostBinding;
import nestor.vtd.command.InvalidationDescriptor;
import nestor.vtd.command.InvalidationDescriptor.ContextCache;
import nestor.vtd.command.InvalidationDescriptor.Iotlb;
import nestor.vtd.command.InvalidationDescriptor.PasidCache;
import nestor.vtd.command.InvalidationDescriptor.PasidIotlb;
import nestor.vtd.config.TlbTag;

/**
 * What invalidations, by queue or by register, do to the unit's own caches, and to what the host
 * caches of assigned functions (§6.2, §6.5). Loop only.
 */
final class Invalidations {
    /** FM and SQ: bits of the function number that do not count. */
    private static final int[] FUNCTION_MASKS = {0, 0b100, 0b110, 0b111};

    private final Translator translator;
    private final PasidBindings bindings;

    Invalidations(Translator translator, PasidBindings bindings) {
        this.translator = translator;
        this.bindings = bindings;
    }

    /** Whether two source IDs are equal but for the function bits that {@code mask} codes. */
    static boolean sameSource(int sid, int other, int mask) {
        return ((sid ^ other) & ~FUNCTION_MASKS[mask] & 0xffff) == 0;
    }

    /** §6.5.2.1: in scalable mode, with the PASID-table entries reached through the context. */
    void invalidate(ContextCache descriptor) {
        switch (descriptor.granularity()) {
            case InvalidationDescriptor.DOMAIN -> {
                translator.invalidateConfigs(config -> config.domainId() == descriptor.did());
                bindings.reconcileDomain(descriptor.did());
            }
            case InvalidationDescriptor.DEVICE -> {
                int mask = descriptor.functionMask();
                IntPredicate concerned = rid -> sameSource(rid, descriptor.sid(), mask);
                translator.invalidateConfigs(config -> concerned.test(config.rid()));
                bindings.reconcile(concerned);
            }
            default -> {
                translator.invalidateConfigs(_ -> true);
                bindings.reconcile(_ -> true);
            }
        }
    }

    /**
     * §6.5.2.3: by domain it concerns every stage; by page the second stage, and all nested
     * mappings of the domain, as their second-stage addresses are not known.
     */
    void invalidate(Iotlb descriptor) {
        int did = descriptor.did();
        switch (descriptor.granularity()) {
            case InvalidationDescriptor.DOMAIN -> {
                translator.invalidate(TlbTag.ofDomain(did), IovaRange.ALL);
                bindings.invalidateDomain(did);
            }
            case InvalidationDescriptor.PAGE -> {
                translator.invalidate(TlbTag.secondStageOf(did), descriptor.range());
                translator.invalidate(TlbTag.nestedOf(did), IovaRange.ALL);
            }
            default -> {
                translator.invalidate(Tags.ALL, IovaRange.ALL);
                bindings.invalidateAll();
            }
        }
    }

    /** §6.5.2.4. */
    void invalidate(PasidIotlb descriptor) {
        int did = descriptor.did();
        int pasid = descriptor.pasid();
        boolean leafOnly = descriptor.leafOnly();
        translator.invalidate(TlbTag.firstStageOf(did, pasid), descriptor.range(), leafOnly);
        translator.invalidate(TlbTag.nestedOf(did, pasid), descriptor.range());
        bindings.invalidate(did, pasid, descriptor.range(), leafOnly);
    }

    /** §6.5.2.2. */
    void invalidate(PasidCache descriptor) {
        int did = descriptor.did();
        int pasid = descriptor.pasid();
        switch (descriptor.granularity()) {
            case InvalidationDescriptor.PASID_CACHE_DOMAIN -> {
                translator.invalidateConfigs(config -> config.domainId() == did);
                bindings.reconcileDomain(did);
            }
            case InvalidationDescriptor.PASID_CACHE_PASID -> {
                translator.invalidateConfigs(
                        config -> config.domainId() == did && config.pasid() == pasid);
                bindings.reconcilePasid(did, pasid);
            }
            default -> {
                translator.invalidateConfigs(_ -> true);
                bindings.reconcile(_ -> true);
            }
        }
    }

    /**
     * What came before is to be complete.
     *
     * @return what hardware of the host's did not carry out
     */
    List<HostBinding.HardwareError> flush() {
        return bindings.flush();
    }
}
