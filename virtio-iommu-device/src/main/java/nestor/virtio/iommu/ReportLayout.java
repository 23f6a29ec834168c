package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;

import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;

/**
 * How faults and page requests are written into the driver's buffers (§5.13.6.9), by profile and by
 * the size of the buffer: never more than fits, and an older, shorter form rather than part of one.
 */
enum ReportLayout {
    /** The specification's. */
    SPECIFIED {
        @Override
        int faultBytes(long bufferBytes) {
            return bufferBytes >= BASE_BYTES ? BASE_BYTES : 0;
        }

        @Override
        void encode(Fault fault, RequestBytes report, int sizeBytes) {
            base(fault, fault.reason().specified(), baseFlags(fault.access()), report);
        }
    },

    /** The specification's, with the PASID in a reserved field. */
    HW {
        @Override
        int faultBytes(long bufferBytes) {
            return SPECIFIED.faultBytes(bufferBytes);
        }

        @Override
        void encode(Fault fault, RequestBytes report, int sizeBytes) {
            int flags = baseFlags(fault.access()) | pasidFlag(fault.requester());
            base(fault, fault.reason().specified(), flags, report);
            report.putWord(12, pasid(fault.requester()));
        }
    },

    /** January 2021. */
    RFC2021 {
        @Override
        int faultBytes(long bufferBytes) {
            return bufferBytes >= V1_BYTES ? V1_BYTES : SPECIFIED.faultBytes(bufferBytes);
        }

        // The fault type at 2 stays 0: the drivers drop reports whose bytes 1 to 3 are set.
        @Override
        void encode(Fault fault, RequestBytes report, int sizeBytes) {
            if (sizeBytes < V1_BYTES) {
                SPECIFIED.encode(fault, report, sizeBytes);
                return;
            }
            report.putByte(0, fault.reason().value())
                    .putWord(8, baseFlags(fault.access()))
                    .putWord(12, fault.requester().rid())
                    .putQuad(24, fault.address())
                    .putWord(32, pasid(fault.requester()));
        }
    },

    /** April 2021: the same with page requests. */
    RFC2021_PAGE_REQUESTS {
        @Override
        int faultBytes(long bufferBytes) {
            return bufferBytes >= LONG_BYTES ? LONG_BYTES : RFC2021.faultBytes(bufferBytes);
        }

        @Override
        void encode(Fault fault, RequestBytes report, int sizeBytes) {
            if (sizeBytes < LONG_BYTES) {
                RFC2021.encode(fault, report, sizeBytes);
                return;
            }
            int valid = V1_ADDRESS_VALID | (fault.requester().hasPasid() ? V1_PASID_VALID : 0);
            report.putByte(0, fault.reason().value());
            v1(V1_UNRECOVERABLE, fault.requester(), fault.access(), valid, report);
            report.putQuad(32, fault.address());
        }

        @Override
        int pageRequestBytes(long bufferBytes) {
            return bufferBytes >= LONG_BYTES ? LONG_BYTES : 0;
        }

        @Override
        void encode(PageRequest request, RequestBytes report) {
            int flags = request.requester().hasPasid() ? V1_PASID_VALID | V1_NEEDS_PASID : 0;
            flags |= request.last() ? V1_LAST : 0;
            v1(V1_PAGE_REQUEST, request.requester(), request.access(), flags, report);
            report.putWord(24, request.prgIndex()).putQuad(32, page(request));
        }
    },

    /** Nestor's, as the author of the specification proposed in review. */
    NESTOR {
        @Override
        int faultBytes(long bufferBytes) {
            return SPECIFIED.faultBytes(bufferBytes);
        }

        @Override
        void encode(Fault fault, RequestBytes report, int sizeBytes) {
            int flags = flags(fault.access(), fault.requester()) | (int) ADDRESS.mask();
            base(fault, fault.reason(), flags, report);
            report.putWord(12, pasid(fault.requester()));
        }
    },

    /** The same for drivers that take page requests. */
    NESTOR_PAGE_REQUESTS {
        @Override
        int faultBytes(long bufferBytes) {
            return bufferBytes >= LONG_BYTES ? LONG_BYTES : SPECIFIED.faultBytes(bufferBytes);
        }

        @Override
        void encode(Fault fault, RequestBytes report, int sizeBytes) {
            NESTOR.encode(fault, report, sizeBytes);
        }

        @Override
        int pageRequestBytes(long bufferBytes) {
            return bufferBytes >= LONG_BYTES ? LONG_BYTES : 0;
        }

        @Override
        void encode(PageRequest request, RequestBytes report) {
            long flags = flags(request.access(), request.requester());
            flags |= ADDRESS.mask() | PAGE_REQUEST.mask() | GROUP_ID.mask();
            flags |= request.last() ? LAST.mask() : 0;
            report.putWord(4, (int) flags)
                    .putWord(8, request.requester().rid())
                    .putWord(12, pasid(request.requester()))
                    .putQuad(16, page(request))
                    .putHalf(24, request.prgIndex());
        }
    };

    /** Bytes of the longest report. */
    static final int MAX_BYTES = 48;

    private static final int BASE_BYTES = 24;
    private static final int V1_BYTES = 40;
    private static final int LONG_BYTES = MAX_BYTES;

    private static final BitField READ = bit(0);
    private static final BitField WRITE = bit(1);
    private static final BitField EXEC = bit(2);
    private static final BitField PRIVILEGED = bit(3);
    private static final BitField LAST = bit(4);
    private static final BitField PAGE_REQUEST = bit(5);
    private static final BitField ADDRESS = bit(8);
    private static final BitField PASID = bit(9);
    private static final BitField GROUP_ID = bit(10);

    private static final int V1_UNRECOVERABLE = 1;
    private static final int V1_PAGE_REQUEST = 2;
    private static final int V1_PASID_VALID = 1;
    private static final int V1_ADDRESS_VALID = 1 << 1;
    private static final int V1_LAST = 1 << 1;
    private static final int V1_NEEDS_PASID = 1 << 3;

    private static final long PAGE_OFFSET = 0xfff;

    static ReportLayout of(TableProfile profile, boolean pageRequests) {
        return switch (profile) {
            case NONE, RFC2023 -> SPECIFIED;
            case HW -> HW;
            case RFC2021 -> pageRequests ? RFC2021_PAGE_REQUESTS : RFC2021;
            case NESTOR -> pageRequests ? NESTOR_PAGE_REQUESTS : NESTOR;
        };
    }

    /** Bytes of a fault report in a buffer of {@code bufferBytes}; 0 if none fits. */
    abstract int faultBytes(long bufferBytes);

    /** Writes a fault report into {@code report}, which is zero. */
    abstract void encode(Fault fault, RequestBytes report, int sizeBytes);

    /** Bytes of a page request in such a buffer; 0 if it cannot be expressed. */
    int pageRequestBytes(long bufferBytes) {
        return 0;
    }

    /** Writes a page request into {@code report}, which is zero. */
    void encode(PageRequest request, RequestBytes report) {
        throw new IllegalStateException("this layout has no page requests");
    }

    private static void base(Fault fault, Fault.Reason reason, int flags, RequestBytes report) {
        report.putByte(0, reason.value())
                .putWord(4, flags)
                .putWord(8, fault.requester().rid())
                .putQuad(16, fault.address());
    }

    private static void v1(
            int type, Requester requester, int access, int valid, RequestBytes report) {
        long permissions = flags(access, requester) & ~PASID.mask();
        report.putHalf(4, type)
                .putWord(8, (int) permissions)
                .putWord(12, valid)
                .putWord(16, requester.rid())
                .putWord(20, pasid(requester));
    }

    /** What can be read can be executed: to a driver of the specification it is a read. */
    private static int baseFlags(int access) {
        long flags = ADDRESS.mask();
        if ((access & (Translation.READ | Translation.EXECUTE)) != 0) {
            flags = READ.setAll(flags);
        }
        if ((access & Translation.WRITE) != 0) {
            flags = WRITE.setAll(flags);
        }
        return (int) flags;
    }

    private static int flags(int access, Requester requester) {
        long flags = (access & Translation.READ) != 0 ? READ.mask() : 0;
        flags |= (access & Translation.WRITE) != 0 ? WRITE.mask() : 0;
        flags |= (access & Translation.EXECUTE) != 0 ? EXEC.mask() : 0;
        flags |= requester.privileged() ? PRIVILEGED.mask() : 0;
        return (int) flags | pasidFlag(requester);
    }

    private static int pasidFlag(Requester requester) {
        return requester.hasPasid() ? (int) PASID.mask() : 0;
    }

    private static int pasid(Requester requester) {
        return requester.hasPasid() ? requester.pasid() : 0;
    }

    private static long page(PageRequest request) {
        return request.iova() & ~PAGE_OFFSET;
    }
}
