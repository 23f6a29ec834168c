package nestor.testkit;

import nestor.paging.Access;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.VtdSecondStage;
import nestor.paging.WalkResult;
import nestor.paging.X86Paging;
import nestor.vmm.memory.GuestMemory;

import java.util.List;

/**
 * Address translation read off the specifications step by step, with no cache and no cleverness:
 * what the walker, and every model with its caches, is compared with. Takes the parameters of a
 * {@link TableFormat}, never its methods. One test thread, no concurrent writers.
 */
public final class NaiveTranslator {
    private final NaiveCells.Physical ram;

    public NaiveTranslator(GuestMemory memory) {
        this.ram = new NaiveCells.Physical(memory);
    }

    /** One stage alone. */
    public WalkResult translate(TableFormat format, long input, Access access) {
        ram.forget();
        return stage(format, input, access, ram);
    }

    /** Stage 1, its tables and its output behind stage 2. */
    public WalkResult translate(TableFormat stage1, TableFormat stage2, long input, Access access) {
        ram.forget();
        WalkResult first = stage(stage1, input, access, new NaiveCells.Translated(stage2, ram));
        if (!(first instanceof WalkResult.Mapping outer)) {
            return first;
        }
        long ipa = inside(outer, input);
        int wanted = access.needed() | access.wanted() & outer.permissions();
        Access limited = new Access(access.needed(), wanted, access.updates());
        WalkResult second = stage(stage2, ipa, limited, ram);
        if (second instanceof WalkResult.Fault f) {
            return new WalkResult.Fault(
                    f.kind(),
                    2,
                    f.level(),
                    WalkResult.Subject.ACCESS,
                    input,
                    ipa,
                    f.descriptor(),
                    f.granted());
        }
        WalkResult.Mapping inner = (WalkResult.Mapping) second;
        int size = outer.sizeLog2() < inner.sizeLog2() ? outer.sizeLog2() : inner.sizeLog2();
        int joined = outer.contiguousLog2();
        if (inner.contiguousLog2() < joined) {
            joined = inner.contiguousLog2();
        }
        long base = inside(inner, ipa);
        for (int n = 0; n < size; n++) {
            base &= ~(1L << n);
        }
        return new WalkResult.Mapping(
                base,
                size,
                joined,
                outer.level(),
                outer.permissions() & inner.permissions(),
                outer.global(),
                outer.leaf());
    }

    /** The physical addresses of all descriptors the last translation looked at. */
    public List<Long> touched() {
        return List.copyOf(ram.touched());
    }

    /** How many descriptors the last translation changed. */
    public int updates() {
        return ram.updates();
    }

    static WalkResult stage(TableFormat format, long input, Access access, NaiveCells cells) {
        return switch (format) {
            case VmsaV8Stage1 f -> new NaiveVmsaV8(f, input, access, cells).walk();
            case VmsaV8Stage2 f -> new NaiveVmsaV8(f, input, access, cells).walk();
            case X86Paging f -> new NaiveX86(f, input, access, cells).walk();
            case VtdSecondStage f -> new NaiveVtdSecondStage(f, input, access, cells).walk();
        };
    }

    /** Output base, and the input's bits below the size. */
    static long inside(WalkResult.Mapping mapping, long input) {
        long output = mapping.output();
        for (int n = 0; n < mapping.sizeLog2(); n++) {
            if (bit(input, n)) {
                output += 1L << n;
            }
        }
        return output;
    }

    static boolean bit(long word, int n) {
        return (word >>> n & 1) == 1;
    }

    /** Bits {@code hi..lo} of a word, where they are. */
    static long inPlace(long word, int hi, int lo) {
        long kept = 0;
        for (int n = lo; n <= hi; n++) {
            if (bit(word, n)) {
                kept |= 1L << n;
            }
        }
        return kept;
    }

    static boolean any(long word, int hi, int lo) {
        return inPlace(word, hi, lo) != 0;
    }
}
