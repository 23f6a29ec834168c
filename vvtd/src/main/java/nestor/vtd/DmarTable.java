package nestor.vtd;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The ACPI table that tells an operating system of the units (chapter 8): "DMAR", as bytes.
 *
 * @param hostBits HAW of the platform
 * @param interruptRemapping INTR_REMAP: every unit remaps interrupts
 * @param x2apicOptOut X2APIC_OPT_OUT
 * @param structures in the order of the table: a unit of all others after the rest of its segment
 */
public record DmarTable(
        int hostBits,
        boolean interruptRemapping,
        boolean x2apicOptOut,
        List<Structure> structures) {
    private static final int HEADER_BYTES = 36;
    private static final int REVISION = 1;
    private static final int CHECKSUM_OFFSET = 9;
    private static final int LENGTH_OFFSET = 4;

    public DmarTable {
        structures = List.copyOf(structures);
        if (hostBits < 2 || hostBits > 64) {
            throw new IllegalArgumentException("no such host address width: " + hostBits);
        }
        List<Integer> closed = new ArrayList<>();
        for (Structure structure : structures) {
            if (structure instanceof Drhd unit) {
                if (closed.contains(unit.segment())) {
                    throw new IllegalArgumentException(
                            "the unit of all others is the last of its segment");
                }
                if (unit.includeAll()) {
                    closed.add(unit.segment());
                }
            }
        }
    }

    /** §8.3.1: what a device scope names. */
    public enum ScopeType {
        ENDPOINT(1),
        BRIDGE(2),
        IOAPIC(3),
        HPET(4),
        ACPI(5);

        private final int code;

        ScopeType(int code) {
            this.code = code;
        }
    }

    /** A step of a path: below a bus, a device and function. */
    public record Step(int device, int function) {
        public Step {
            if (device < 0 || device > 31 || function < 0 || function > 7) {
                throw new IllegalArgumentException("no such function: " + device + "." + function);
            }
        }
    }

    /**
     * §8.3.1: a device scope.
     *
     * @param enumerationId I/O APIC ID, HPET number or ACPI device number; else 0
     * @param path at least one step
     */
    public record Scope(ScopeType type, int enumerationId, int startBus, List<Step> path) {
        public Scope {
            path = List.copyOf(path);
            if (path.isEmpty()) {
                throw new IllegalArgumentException("a path has a step");
            }
        }

        /** The function at {@code rid}, which is on the start bus itself. */
        public static Scope of(ScopeType type, int enumerationId, int rid) {
            return new Scope(
                    type, enumerationId, rid >>> 8, List.of(new Step(rid >>> 3 & 31, rid & 7)));
        }
    }

    /** A remapping structure. */
    public sealed interface Structure {}

    /**
     * §8.3: a unit, with a register page.
     *
     * @param includeAll INCLUDE_PCI_ALL
     */
    public record Drhd(boolean includeAll, int segment, long base, List<Scope> scopes)
            implements Structure {
        public Drhd {
            scopes = List.copyOf(scopes);
        }
    }

    /**
     * §8.4: memory that devices use without the operating system's doing.
     *
     * @param last inclusive
     */
    public record Rmrr(int segment, long base, long last, List<Scope> scopes) implements Structure {
        public Rmrr {
            scopes = List.copyOf(scopes);
        }
    }

    /**
     * §8.5: root ports under which ATS may be used.
     *
     * @param allPorts ALL_PORTS
     */
    public record Atsr(boolean allPorts, int segment, List<Scope> scopes) implements Structure {
        public Atsr {
            scopes = List.copyOf(scopes);
        }
    }

    /** §8.6: the node that a unit is near to. */
    public record Rhsa(long base, int proximityDomain) implements Structure {}

    /**
     * §8.8: integrated devices with an address translation cache.
     *
     * @param atcRequired ATC_REQUIRED
     */
    public record Satc(boolean atcRequired, int segment, List<Scope> scopes) implements Structure {
        public Satc {
            scopes = List.copyOf(scopes);
        }
    }

    /** The table. */
    public byte[] bytes() {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        structures.forEach(structure -> body.writeBytes(encode(structure)));
        int flags = (interruptRemapping ? 1 : 0) | (x2apicOptOut ? 1 << 1 : 0);
        byte[] table =
                ByteBuffer.allocate(HEADER_BYTES + 12 + body.size())
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .put(ascii("DMAR"))
                        .putInt(0)
                        .put((byte) REVISION)
                        .put((byte) 0)
                        .put(ascii("NESTOR"))
                        .put(ascii("NESTDMAR"))
                        .putInt(1)
                        .put(ascii("NSTR"))
                        .putInt(1)
                        .put((byte) (hostBits - 1))
                        .put((byte) flags)
                        .put(new byte[10])
                        .put(body.toByteArray())
                        .array();
        ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN).putInt(LENGTH_OFFSET, table.length);
        byte sum = 0;
        for (byte each : table) {
            sum += each;
        }
        table[CHECKSUM_OFFSET] = (byte) -sum;
        return table;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] encode(Structure structure) {
        return switch (structure) {
            case Drhd(boolean all, int segment, long base, List<Scope> scopes) ->
                    head(0, 16, scopes)
                            .put((byte) (all ? 1 : 0))
                            .put((byte) 0)
                            .putShort((short) segment)
                            .putLong(base)
                            .put(encode(scopes))
                            .array();
            case Rmrr(int segment, long base, long last, List<Scope> scopes) ->
                    head(1, 24, scopes)
                            .putShort((short) 0)
                            .putShort((short) segment)
                            .putLong(base)
                            .putLong(last)
                            .put(encode(scopes))
                            .array();
            case Atsr(boolean all, int segment, List<Scope> scopes) ->
                    flagged(2, all, segment, scopes);
            case Rhsa(long base, int domain) ->
                    head(3, 20, List.of()).putInt(0).putLong(base).putInt(domain).array();
            case Satc(boolean required, int segment, List<Scope> scopes) ->
                    flagged(5, required, segment, scopes);
        };
    }

    private static byte[] flagged(int type, boolean flag, int segment, List<Scope> scopes) {
        return head(type, 8, scopes)
                .put((byte) (flag ? 1 : 0))
                .put((byte) 0)
                .putShort((short) segment)
                .put(encode(scopes))
                .array();
    }

    /** Type and length of a structure, with room for the rest. */
    private static ByteBuffer head(int type, int fixedBytes, List<Scope> scopes) {
        int length = fixedBytes + encode(scopes).length;
        return ByteBuffer.allocate(length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) type)
                .putShort((short) length);
    }

    private static byte[] encode(List<Scope> scopes) {
        ByteArrayOutputStream encoded = new ByteArrayOutputStream();
        for (Scope scope : scopes) {
            encoded.write(scope.type().code);
            encoded.write(6 + 2 * scope.path().size());
            encoded.write(0);
            encoded.write(0);
            encoded.write(scope.enumerationId());
            encoded.write(scope.startBus());
            for (Step step : scope.path()) {
                encoded.write(step.device());
                encoded.write(step.function());
            }
        }
        return encoded.toByteArray();
    }
}
