package nestor.paging;

/** The outcome of a table walk. */
public sealed interface WalkResult {
    /**
     * A leaf was found.
     *
     * @param output base address of the page or block, in the output address space
     * @param sizeLog2 log2 of the page's or block's size in bytes
     * @param contiguousLog2 log2 of the size that the leaf's contiguous hint promises; {@code
     *     sizeLog2} without one. Using it is the caller's choice, see {@link #contiguous}
     * @param level of the leaf descriptor, as its format counts
     * @param permissions a set of {@link Permissions}, after hierarchical controls. While hardware
     *     tracks dirty state, a clean leaf grants no write: a later write needs a walk of its own
     * @param global whether the leaf is for every address space (nG clear, or G set)
     * @param leaf the leaf descriptor itself after the walk's updates, for the attributes of its
     *     format; nested, stage 1's
     */
    record Mapping(
            long output,
            int sizeLog2,
            int contiguousLog2,
            int level,
            int permissions,
            boolean global,
            long leaf)
            implements WalkResult {
        /** The output address of one input address inside this mapping. */
        public long translate(long input) {
            return output | (input & ((1L << sizeLog2) - 1));
        }

        /** This mapping as large as its contiguous hint promises. */
        public Mapping contiguous() {
            return new Mapping(
                    output & -1L << contiguousLog2,
                    contiguousLog2,
                    contiguousLog2,
                    level,
                    permissions,
                    global,
                    leaf);
        }
    }

    /**
     * The walk ended without an accessible leaf.
     *
     * @param kind why
     * @param stage 1 or 2: whose tables or whose rules
     * @param level where in that stage, as its format counts
     * @param subject what that stage was translating
     * @param input the address the whole walk was asked for
     * @param ipa of a fault at stage 2, the address that stage was translating; else 0
     * @param descriptor of an {@link Kind#EXTERNAL_ABORT} or {@link Kind#UPDATE_FAILED}, the
     *     physical address of the descriptor; else 0
     * @param granted of a {@link Kind#PERMISSION} fault, the {@link Permissions} that the mapping
     *     does grant, those included that a dirty update would give; else 0
     */
    record Fault(
            Kind kind,
            int stage,
            int level,
            Subject subject,
            long input,
            long ipa,
            long descriptor,
            int granted)
            implements WalkResult {
        /** A fault of one stage on the access itself. */
        public static Fault of(Kind kind, int stage, int level, long input) {
            return of(kind, stage, level, input, 0, 0);
        }

        static Fault permission(int stage, int level, long input, int granted) {
            return of(Kind.PERMISSION, stage, level, input, 0, granted);
        }

        static Fault onDescriptor(Kind kind, int stage, int level, long input, long descriptor) {
            return of(kind, stage, level, input, descriptor, 0);
        }

        private static Fault of(
                Kind kind, int stage, int level, long input, long descriptor, int granted) {
            return new Fault(
                    kind,
                    stage,
                    level,
                    Subject.ACCESS,
                    input,
                    stage == 2 ? input : 0,
                    descriptor,
                    granted);
        }

        /** This fault of a second stage, met on behalf of {@code input}. */
        Fault about(Subject on, long originalInput) {
            return new Fault(kind, stage, level, on, originalInput, ipa, descriptor, granted);
        }
    }

    /** What the faulting stage was translating. */
    enum Subject {
        /** The access itself. */
        ACCESS,
        /** The fetch of a stage-1 descriptor; only at stage 2. */
        TABLE_READ,
        /** The hardware update of a stage-1 descriptor; only at stage 2. */
        TABLE_UPDATE
    }

    /** Why a walk faults. */
    enum Kind {
        /**
         * The input has bits outside the range of the tables: x86 non-canonical, VT-d beyond the
         * width. Arm calls this a translation fault at level 0, and so do its formats here.
         */
        INPUT_RANGE,
        /** Nothing is mapped; Arm also: the descriptor is reserved. */
        TRANSLATION,
        /** A present entry has a reserved bit set (x86 and VT-d). */
        RESERVED,
        /** A table or output address has more bits than the output address space. */
        ADDRESS_SIZE,
        /** The leaf's access flag is clear and software manages it. */
        ACCESS_FLAG,
        /** The mapping does not allow the access. */
        PERMISSION,
        /** Nothing backs the address of a descriptor. */
        EXTERNAL_ABORT,
        /**
         * An accessed or dirty bit could not be set: others kept changing the descriptor, or it
         * lost its memory. Arm reports an external abort on the walk, VT-d a reason of its own.
         */
        UPDATE_FAILED
    }
}
