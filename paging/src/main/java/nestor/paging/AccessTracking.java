package nestor.paging;

/** Who keeps the accessed and dirty bits of descriptors. */
public enum AccessTracking {
    /** Software: a clear access flag faults, a clean page is a read-only page. */
    SOFTWARE,
    /** Nobody: accessed and dirty bits say nothing (SMMUv3 AFFD; VT-d SSADE clear). */
    IGNORED,
    /** Hardware sets the access flag (Arm HA); dirty state is software's. */
    HARDWARE_ACCESSED,
    /** Hardware sets both (Arm HA and HD; x86; VT-d first stage, and second stage with SSADE). */
    HARDWARE_DIRTY;

    boolean setsAccessed() {
        return this == HARDWARE_ACCESSED || this == HARDWARE_DIRTY;
    }

    boolean setsDirty() {
        return this == HARDWARE_DIRTY;
    }
}
