package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;

import java.util.Optional;
import nestor.virtio.iommu.TableRequest.ResponseCode;
import nestor.virtio.iommu.TableRequest.Scope;
import nestor.virtio.iommu.table.TableDescriptor;
import nestor.virtio.iommu.table.TableDescriptor.ArmStage1;
import nestor.virtio.iommu.table.TableDescriptor.ContextTable;
import nestor.virtio.iommu.table.TableDescriptor.FirstStage;
import nestor.vmm.register.BitField;

/**
 * Where the fields of {@link TableRequest}s lie, by profile. Total: every content is a request, and
 * what lies behind a request's own bytes is ignored.
 */
enum TableLayout {
    /** 2021, and Nestor's, which adds the first stage of VT-d. */
    V1 {
        @Override
        int attachBytes() {
            return 76;
        }

        @Override
        TableRequest.AttachTable attach(RequestBytes bytes) {
            int format = bytes.half(12);
            Optional<TableDescriptor> table =
                    switch (format) {
                        case ARM_LPAE ->
                                Optional.of(
                                        new ArmStage1(
                                                bytes.half(14),
                                                bytes.quad(16),
                                                bytes.quad(24),
                                                bytes.quad(32)));
                        case ARM_SMMUV3 -> Optional.of(contextTable(bytes, 14, 16, 24));
                        case VTD_FIRST_STAGE ->
                                Optional.of(
                                        new FirstStage(
                                                bytes.word(36),
                                                bytes.quad(16),
                                                bytes.quad(24),
                                                bytes.word(32)));
                        default -> Optional.empty();
                    };
            boolean malformed =
                    switch (format) {
                        case ARM_SMMUV3 -> bytes.anySet(28, 76);
                        case VTD_FIRST_STAGE -> bytes.anySet(14, 16) || bytes.anySet(40, 76);
                        case ARM_LPAE -> bytes.anySet(40, 76);
                        default -> false;
                    };
            return attachTable(bytes, format, table, malformed);
        }

        @Override
        TableRequest.Invalidate invalidate(RequestBytes bytes) {
            return invalidateV1(bytes);
        }
    },

    /** 2023. */
    P23 {
        @Override
        int attachBytes() {
            return 84;
        }

        @Override
        TableRequest.AttachTable attach(RequestBytes bytes) {
            int format = bytes.half(16);
            Optional<TableDescriptor> table =
                    switch (format) {
                        case ARM_SMMUV3 -> Optional.of(contextTable(bytes, 18, 24, 20));
                        case VTD_FIRST_STAGE ->
                                Optional.of(
                                        new FirstStage(
                                                bytes.word(20),
                                                bytes.quad(24),
                                                bytes.quad(32),
                                                bytes.word(40)));
                        default -> Optional.empty();
                    };
            boolean malformed =
                    switch (format) {
                        case ARM_SMMUV3 -> bytes.anySet(32, 84);
                        case VTD_FIRST_STAGE -> bytes.anySet(18, 20) || bytes.anySet(44, 84);
                        default -> false;
                    };
            return attachTable(bytes, format, table, malformed || bytes.word(12) != 0);
        }

        @Override
        TableRequest.Invalidate invalidate(RequestBytes bytes) {
            return invalidateV1(bytes);
        }
    },

    /** Stream table entries. */
    HW {
        @Override
        int attachBytes() {
            return 124;
        }

        @Override
        TableRequest.AttachTable attach(RequestBytes bytes) {
            int format = bytes.byteAt(12);
            Optional<ContextTable> entry =
                    format == HW_ARM_SMMUV3
                            ? ContextTable.ofEntry(bytes.quad(16), bytes.quad(24))
                            : Optional.empty();
            boolean malformed =
                    format == HW_ARM_SMMUV3
                            && (entry.isEmpty() || bytes.anySet(13, 16) || bytes.anySet(32, 124));
            return attachTable(bytes, format, entry.map(table -> table), malformed);
        }

        @Override
        TableRequest.Invalidate invalidate(RequestBytes bytes) {
            int caches = bytes.byteAt(5);
            int flags = bytes.half(6);
            Scope scope =
                    switch (bytes.byteAt(4)) {
                        case 1 -> Scope.DOMAIN;
                        case 2 -> Scope.PASID;
                        case 3 -> Scope.ADDRESS;
                        default -> Scope.NONE;
                    };
            boolean tlb = HW_TLB.isSet(caches);
            return new TableRequest.Invalidate(
                    bytes.word(8),
                    scope,
                    tlb,
                    tlb,
                    HW_PASID_CACHE.isSet(caches),
                    HW_LEAF.isSet(flags),
                    caches == 0 || caches > 3 || flags > 0xf,
                    HW_PASID.isSet(flags),
                    bytes.word(12),
                    HW_ID.isSet(flags),
                    bytes.half(16),
                    bytes.quad(24),
                    bytes.quad(32),
                    bytes.byteAt(40));
        }
    };

    /** Bytes of an INVALIDATE. */
    static final int INVALIDATE_BYTES = 60;

    /** Numbers of formats, in all profiles but {@link #HW}. */
    static final int ARM_LPAE = 1;

    static final int ARM_SMMUV3 = 2;
    static final int VTD_FIRST_STAGE = 4;

    /** In {@link #HW}. */
    static final int HW_ARM_SMMUV3 = 1;

    private static final BitField IOTLB = bit(0);
    private static final BitField DEVICE_TLB = bit(1);
    private static final BitField PASID_CACHE = bit(2);
    private static final BitField F_PASID = bit(0);
    private static final BitField F_ARCHID = bit(1);
    private static final int ALL_CACHES = 7;
    private static final BitField F_LEAF = bit(2);
    private static final int ALL_FLAGS = 7;

    private static final BitField HW_PASID_CACHE = bit(0);
    private static final BitField HW_TLB = bit(1);
    private static final BitField HW_LEAF = bit(0);
    private static final BitField HW_PASID = bit(1);
    private static final BitField HW_ID = bit(2);

    private static final BitField RESPONSE_PASID = bit(0);

    /** Bytes of an ATTACH_TABLE. */
    abstract int attachBytes();

    abstract TableRequest.AttachTable attach(RequestBytes bytes);

    abstract TableRequest.Invalidate invalidate(RequestBytes bytes);

    private static TableRequest.AttachTable attachTable(
            RequestBytes bytes, int format, Optional<TableDescriptor> table, boolean malformed) {
        return new TableRequest.AttachTable(bytes.word(4), bytes.word(8), format, table, malformed);
    }

    /** S1Fmt and S1DSS are bytes side by side. */
    private static ContextTable contextTable(
            RequestBytes bytes, long s1Fmt, long s1ContextPtr, long s1CdMax) {
        return new ContextTable(
                bytes.byteAt(s1Fmt),
                bytes.byteAt(s1Fmt + 1),
                bytes.quad(s1ContextPtr),
                bytes.word(s1CdMax));
    }

    private static TableRequest.Invalidate invalidateV1(RequestBytes bytes) {
        int caches = bytes.half(6);
        int flags = bytes.half(8);
        Scope scope =
                switch (bytes.half(4)) {
                    case 1 -> Scope.DOMAIN;
                    case 2 -> Scope.PASID;
                    case 4 -> Scope.ADDRESS;
                    default -> Scope.NONE;
                };
        boolean iotlb = IOTLB.isSet(caches);
        return new TableRequest.Invalidate(
                bytes.word(12),
                scope,
                iotlb,
                iotlb || DEVICE_TLB.isSet(caches), // the drivers of 2021 never ask for it
                PASID_CACHE.isSet(caches),
                F_LEAF.isSet(flags),
                caches == 0 || caches > ALL_CACHES || flags > ALL_FLAGS,
                F_PASID.isSet(flags),
                bytes.word(16),
                F_ARCHID.isSet(flags),
                bytes.half(24),
                bytes.quad(32),
                bytes.quad(40),
                bytes.byteAt(48));
    }

    /** April 2021. */
    static final int RESPONSE_2021_BYTES = 36;

    static TableRequest.PageResponse response2021(RequestBytes bytes) {
        boolean hasPasid = RESPONSE_PASID.isSet(bytes.word(12));
        return new TableRequest.PageResponse(
                bytes.word(8),
                hasPasid,
                bytes.word(16),
                bytes.word(20),
                code(bytes.half(24)),
                (bytes.word(12) & ~RESPONSE_PASID.mask()) != 0 || bytes.anySet(27, 36));
    }

    /** Nestor's. */
    static final int RESPONSE_BYTES = 28;

    static TableRequest.PageResponse response(RequestBytes bytes) {
        boolean hasPasid = RESPONSE_PASID.isSet(bytes.word(8));
        return new TableRequest.PageResponse(
                bytes.word(4),
                hasPasid,
                bytes.word(12),
                bytes.half(16),
                code(bytes.half(18)),
                (bytes.word(8) & ~RESPONSE_PASID.mask()) != 0 || bytes.anySet(20, 28));
    }

    private static Optional<ResponseCode> code(int number) {
        ResponseCode[] all = ResponseCode.values();
        return number < all.length ? Optional.of(all[number]) : Optional.empty();
    }
}
