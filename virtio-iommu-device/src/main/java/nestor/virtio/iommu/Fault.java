package nestor.virtio.iommu;

import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.virtio.iommu.table.TableFault;

/**
 * A DMA that was refused, for a fault report (§5.13.6.9).
 *
 * @param reason why the access failed
 * @param requester who made it
 * @param address it was made to
 * @param access {@link Translation#READ}, {@link Translation#WRITE}, {@link Translation#EXECUTE}
 *     or'ed
 */
record Fault(Reason reason, Requester requester, long address, int access) {
    /** VIRTIO_IOMMU_FAULT_R_*; those from 3 on are not in the specification. */
    enum Reason {
        UNKNOWN(0),
        /** The endpoint is attached to no domain, or the domain has no context for its PASID. */
        DOMAIN(1),
        /** The address is not mapped, or not for this access. */
        MAPPING(2),
        WALK_EABT(3),
        PTE_FETCH(4),
        PERMISSION(5),
        ACCESS(6),
        OOR_ADDRESS(7);

        private final int value;

        Reason(int value) {
            this.value = value;
        }

        int value() {
            return value;
        }

        /** The nearest of those that are in the specification. */
        Reason specified() {
            return value <= MAPPING.value ? this : this == WALK_EABT ? UNKNOWN : MAPPING;
        }

        static Reason of(TableFault fault) {
            return switch (fault) {
                case NO_CONTEXT -> DOMAIN;
                case WALK_EABT -> WALK_EABT;
                case PTE_FETCH -> PTE_FETCH;
                case PERMISSION -> PERMISSION;
                case ACCESS -> ACCESS;
                case OOR_ADDRESS -> OOR_ADDRESS;
            };
        }
    }
}
