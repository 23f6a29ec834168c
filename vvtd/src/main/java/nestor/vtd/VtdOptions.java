package nestor.vtd;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import nestor.vmm.register.BitField;

/**
 * What a unit is built with, and what its capability registers say of it (§11.4.2, §11.4.3).
 * Immutable; a combination that no unit can have is refused with the names of its properties.
 */
public final class VtdOptions {
    /** Fault recording registers. */
    static final int FAULT_RECORDS = 8;

    /** Byte offset of the first of them: CAP.FRO. */
    static final int FAULT_RECORDS_OFFSET = 0x220;

    /** Byte offset of the IOTLB registers: ECAP.IRO. */
    static final int IOTLB_OFFSET = 0x500;

    /** CAP.MAMV: the largest address mask of a page-selective invalidation by domain. */
    public static final int MAX_ADDRESS_MASK = 18;

    /** ECAP.MHMV: the largest index mask of an interrupt entry cache invalidation. */
    public static final int MAX_HANDLE_MASK = 15;

    /** CAP.ND: sixteen-bit domain identifiers. */
    private static final int DOMAINS_CODE = 6;

    private static final int MAX_ATC_TIMEOUT_MILLIS = 600_000;

    private final EnumMap<VtdProperty, Integer> values = new EnumMap<>(VtdProperty.class);

    private VtdOptions(Map<VtdProperty, Integer> given) {
        for (VtdProperty property : VtdProperty.values()) {
            values.put(property, given.getOrDefault(property, property.defaultValue()));
        }
        check();
    }

    /** Every property at its default. */
    public static VtdOptions defaults() {
        return new VtdOptions(Map.of());
    }

    /** Everything a unit can do, without caching mode, private data or 57-bit addresses. */
    public static VtdOptions whole() {
        EnumMap<VtdProperty, Integer> all = new EnumMap<>(VtdProperty.class);
        for (VtdProperty property : VtdProperty.values()) {
            switch (property) {
                case CACHING_MODE, PRIVATE_DATA -> {}
                default -> {
                    if (property.isSwitch()) {
                        all.put(property, 1);
                    }
                }
            }
        }
        return new VtdOptions(all);
    }

    /**
     * The defaults with these properties changed.
     *
     * @param properties name or alias to {@code on}, {@code off} or a number
     * @throws IllegalArgumentException with a message for the user
     */
    public static VtdOptions of(Map<String, String> properties) {
        return defaults().with(properties);
    }

    /** These options with properties changed; see {@link #of}. */
    public VtdOptions with(Map<String, String> properties) {
        EnumMap<VtdProperty, Integer> changed = new EnumMap<>(values);
        properties.forEach((name, text) -> {
            VtdProperty property =
                    VtdProperty.named(name)
                            .orElseThrow(() ->
                                    new IllegalArgumentException("no such property: " + name));
            changed.put(property, parse(property, text));
        });
        return new VtdOptions(changed);
    }

    /** These options with one property changed. */
    public VtdOptions with(VtdProperty property, int value) {
        EnumMap<VtdProperty, Integer> changed = new EnumMap<>(values);
        changed.put(property, value);
        return new VtdOptions(changed);
    }

    private static int parse(VtdProperty property, String text) {
        if (property.isSwitch()) {
            return switch (text) {
                case "on" -> 1;
                case "off" -> 0;
                default ->
                        throw new IllegalArgumentException(
                                "%s is on or off, not '%s'".formatted(property.title(), text));
            };
        }
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "%s is a number, not '%s'".formatted(property.title(), text), e);
        }
    }

    /** Whether a switch is on. */
    public boolean has(VtdProperty property) {
        return number(property) != 0;
    }

    private int number(VtdProperty property) {
        Integer value = values.get(property);
        return value == null ? property.defaultValue() : value;
    }

    private void check() {
        needs(VtdProperty.FIRST_STAGE, VtdProperty.SCALABLE_MODE);
        needs(VtdProperty.NESTED, VtdProperty.FIRST_STAGE);
        needs(VtdProperty.NESTED, VtdProperty.SECOND_STAGE);
        needs(VtdProperty.FIVE_LEVEL, VtdProperty.FIRST_STAGE);
        needs(VtdProperty.SVM, VtdProperty.SCALABLE_MODE);
        needs(VtdProperty.PRI, VtdProperty.DEVICE_IOTLB);
        needs(VtdProperty.PRI, VtdProperty.SCALABLE_MODE);
        needs(VtdProperty.PRIVATE_DATA, VtdProperty.PRI);
        needs(VtdProperty.SUPERVISOR_REQUESTS, VtdProperty.SVM);
        needs(VtdProperty.EXECUTE_REQUESTS, VtdProperty.SVM);
        needs(VtdProperty.POSTED_INTERRUPTS, VtdProperty.INTERRUPT_REMAPPING);
        if (!has(VtdProperty.FIRST_STAGE) && !has(VtdProperty.SECOND_STAGE)) {
            throw new IllegalArgumentException("a unit has fsts, ssts or both");
        }
        int addressBits = addressBits();
        if (addressBits != 39 && addressBits != 48 && addressBits != 57) {
            throw new IllegalArgumentException("aw-bits is 39, 48 or 57, not " + addressBits);
        }
        if (hostBits() < 36 || hostBits() > 52) {
            throw new IllegalArgumentException("haw is 36 to 52, not " + hostBits());
        }
        if (pasidBits() < 6 || pasidBits() > 20) {
            throw new IllegalArgumentException("pasid-bits is 6 to 20, not " + pasidBits());
        }
        int timeoutMillis = number(VtdProperty.ATC_TIMEOUT);
        if (timeoutMillis < 1 || timeoutMillis > MAX_ATC_TIMEOUT_MILLIS) {
            throw new IllegalArgumentException(
                    "atc-timeout is 1 to %d, not %d"
                            .formatted(MAX_ATC_TIMEOUT_MILLIS, timeoutMillis));
        }
    }

    private void needs(VtdProperty property, VtdProperty needed) {
        if (has(property) && !has(needed)) {
            throw new IllegalArgumentException(
                    "%s needs %s".formatted(property.title(), needed.title()));
        }
    }

    /** Width of second-stage inputs: MGAW + 1. */
    public int addressBits() {
        return number(VtdProperty.ADDRESS_BITS);
    }

    /** HAW: width of guest-physical addresses. */
    public int hostBits() {
        return number(VtdProperty.HOST_BITS);
    }

    /** PSS + 1. */
    public int pasidBits() {
        return number(VtdProperty.PASID_BITS);
    }

    /** From sending a device-TLB invalidation to ITE. */
    long atcTimeoutNanos() {
        return TimeUnit.MILLISECONDS.toNanos(number(VtdProperty.ATC_TIMEOUT));
    }

    /** SAGAW: whether second-stage tables may have that many levels. */
    public boolean hasSecondStageLevels(int levels) {
        return levels >= 3 && levels <= 5 && 12 + 9 * levels <= addressBits();
    }

    /** ECAP.EIM, which says nothing without interrupt remapping. */
    public boolean extendedInterruptMode() {
        return has(VtdProperty.INTERRUPT_REMAPPING) && has(VtdProperty.EXTENDED_INTERRUPT_MODE);
    }

    /** ECAP.PDS, which says nothing without page requests; PD of a wait is reserved without it. */
    boolean drainsPageRequests() {
        return has(VtdProperty.PRI) && has(VtdProperty.DRAIN);
    }

    /** §11.4.2. */
    private static final class Cap {
        static final BitField ND = bits(2, 0);
        static final BitField CM = bit(7);
        static final BitField SAGAW = bits(12, 8);
        static final BitField MGAW = bits(21, 16);
        static final BitField ZLR = bit(22);
        static final BitField FRO = bits(33, 24);
        static final BitField SSLPS = bits(37, 34);
        static final BitField PSI = bit(39);
        static final BitField NFR = bits(47, 40);
        static final BitField MAMV = bits(53, 48);
        static final BitField DWD = bit(54);
        static final BitField DRD = bit(55);
        static final BitField FS1GP = bit(56);
        static final BitField PI = bit(59);
        static final BitField FS5LP = bit(60);
        static final BitField ESIRTPS = bit(62);
        static final BitField ESRTPS = bit(63);

        /** SSLPS: 2 MiB and 1 GiB. */
        static final int LARGE_PAGES = 0b11;
    }

    /** §11.4.3. */
    private static final class Ecap {
        static final BitField C = bit(0);
        static final BitField QI = bit(1);
        static final BitField DT = bit(2);
        static final BitField IR = bit(3);
        static final BitField EIM = bit(4);
        static final BitField PT = bit(6);
        static final BitField SC = bit(7);
        static final BitField IRO = bits(17, 8);
        static final BitField MHMV = bits(23, 20);
        static final BitField NEST = bit(26);
        static final BitField PRS = bit(29);
        static final BitField ERS = bit(30);
        static final BitField SRS = bit(31);
        static final BitField NWFS = bit(33);
        static final BitField PSS = bits(39, 35);
        static final BitField PASID = bit(40);
        static final BitField PDS = bit(42);
        static final BitField SMTS = bit(43);
        static final BitField SSADS = bit(45);
        static final BitField SSTS = bit(46);
        static final BitField FSTS = bit(47);
        static final BitField SMPWC = bit(48);
        static final BitField RPS = bit(49);
    }

    /** CAP_REG. */
    long cap() {
        long value = Cap.ND.set(0, DOMAINS_CODE);
        value |= flag(Cap.CM, VtdProperty.CACHING_MODE);
        int sagaw = 0;
        for (int levels = 3; levels <= 5; levels++) {
            sagaw |= hasSecondStageLevels(levels) ? 1 << levels - 2 : 0;
        }
        value = Cap.SAGAW.set(value, sagaw);
        value = Cap.MGAW.set(value, addressBits() - 1);
        value |= Cap.ZLR.mask();
        value = Cap.FRO.set(value, FAULT_RECORDS_OFFSET / 16);
        value = Cap.SSLPS.set(value, Cap.LARGE_PAGES);
        value |= Cap.PSI.mask();
        value = Cap.NFR.set(value, FAULT_RECORDS - 1);
        value = Cap.MAMV.set(value, MAX_ADDRESS_MASK);
        value |= Cap.DWD.mask() | Cap.DRD.mask();
        if (has(VtdProperty.FIRST_STAGE)) {
            value |= flag(Cap.FS1GP, VtdProperty.GIGABYTE_PAGES);
            value |= flag(Cap.FS5LP, VtdProperty.FIVE_LEVEL);
        }
        value |= flag(Cap.PI, VtdProperty.POSTED_INTERRUPTS);
        return value | Cap.ESIRTPS.mask() | Cap.ESRTPS.mask();
    }

    /** ECAP_REG. */
    long ecap() {
        long value = Ecap.C.mask() | Ecap.QI.mask();
        value |= flag(Ecap.DT, VtdProperty.DEVICE_IOTLB);
        value |= flag(Ecap.NWFS, VtdProperty.DEVICE_IOTLB);
        value |= flag(Ecap.IR, VtdProperty.INTERRUPT_REMAPPING);
        value |= extendedInterruptMode() ? Ecap.EIM.mask() : 0;
        value |= flag(Ecap.PT, VtdProperty.PASS_THROUGH);
        value |= flag(Ecap.SC, VtdProperty.SNOOP_CONTROL);
        value = Ecap.IRO.set(value, IOTLB_OFFSET / 16);
        value = Ecap.MHMV.set(value, MAX_HANDLE_MASK);
        return has(VtdProperty.SCALABLE_MODE) ? value | scalableEcap() : value;
    }

    private long scalableEcap() {
        long value = Ecap.SMTS.mask() | Ecap.SMPWC.mask() | Ecap.RPS.mask();
        value |= flag(Ecap.NEST, VtdProperty.NESTED);
        value |= flag(Ecap.PRS, VtdProperty.PRI);
        value |= drainsPageRequests() ? Ecap.PDS.mask() : 0;
        value |= flag(Ecap.ERS, VtdProperty.EXECUTE_REQUESTS);
        value |= flag(Ecap.SRS, VtdProperty.SUPERVISOR_REQUESTS);
        if (has(VtdProperty.SVM)) {
            value = Ecap.PSS.set(value | Ecap.PASID.mask(), pasidBits() - 1);
        }
        value |= flag(Ecap.SSTS, VtdProperty.SECOND_STAGE);
        if (has(VtdProperty.SECOND_STAGE)) {
            value |= flag(Ecap.SSADS, VtdProperty.ACCESS_DIRTY);
        }
        return value | flag(Ecap.FSTS, VtdProperty.FIRST_STAGE);
    }

    private long flag(BitField field, VtdProperty property) {
        return has(property) ? field.mask() : 0;
    }
}
