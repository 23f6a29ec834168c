package nestor.hostsim;

import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommufd.Struct;
import org.jspecify.annotations.Nullable;

/** An IOMMU with its driver: what it can do, what it makes of user data, what it caches. */
sealed interface Hardware permits MockHardware, VtdHardware, SmmuHardware {
    /** Of {@link nestor.iommufd.Uapi.HwInfo}. */
    int infoType();

    byte[] info();

    /** 0 without PASIDs. */
    int maxPasidLog2(SimulatedDevice device);

    int capabilities(SimulatedDevice device);

    /** IOVAs that an attached device cannot use. */
    List<IovaRange> reserved();

    /** Bytes of the smallest page. */
    long granule();

    /** Judges the flags of an HWPT over an IOAS. */
    void checkPaging(int flags) throws Refusal;

    /** Whether an HWPT may be nested in another one, without a vIOMMU. */
    boolean nestsDirectly();

    /** The type of vIOMMUs; 0 if there are none. */
    int viommuType();

    /** The type of vIOMMUs' event queues. */
    int eventType();

    /** What it makes of a guest's stage 1. */
    Object stage1(int flags, int type, Struct data, int sizeBytes) throws Refusal;

    /** Judges an attachment that has passed the core's rules. */
    void checkAttach(BoundDevice device, int pasid, Hwpt hwpt) throws Refusal;

    /** Something is attached now, or nothing. */
    void attached(BoundDevice device, int pasid, @Nullable Hwpt hwpt);

    /** Judges the type of invalidations of a nested HWPT, or of a vIOMMU. */
    void checkInvalidation(HostObject target, int type) throws Refusal;

    /** Judges a call without entries, which asks about the type alone. */
    default void checkProbe() throws Refusal {}

    /** Judges the size of an invalidation's entries. */
    void checkEntry(HostObject target, int sizeBytes) throws Refusal;

    /** Carries one out. */
    void invalidate(HostObject target, Struct entry) throws Refusal;

    /** An HWPT is gone. */
    void forget(Hwpt hwpt);
}
