package nestor.cpu.x86;

/** FBLD and FBSTP: packed integers of 18 decimal digits (1 §4.7). */
final class X87Decimal {
    private static final int DIGITS = 18;
    private static final long LIMIT = 1_000_000_000_000_000_000L;
    private static final long INDEFINITE_LOW = 0xc000_0000_0000_0000L;

    private X87Decimal() {}

    static void load(X86Cpu cpu, long va) {
        SoftFloat soft = X87Registers.begin(cpu);
        long low = cpu.load64(va);
        int high = (int) cpu.load16(va + 8);
        long value = 0;
        for (int i = DIGITS - 1; i >= 0; i--) {
            long digit = i >= 16 ? high >> 4 * (i - 16) & 0xf : low >>> 4 * i & 0xf;
            value = 10 * value + digit;
        }
        soft.result.fromInteger(value);
        soft.result.negative = (high & 0x8000) != 0;
        X87Memory.push(cpu);
    }

    static void store(X86Cpu cpu, long va) {
        cpu.loadForUpdate(va, 8);
        cpu.loadForUpdate(va + 8, 2);
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        boolean negative = soft.a.negative;
        int inexact = soft.flags;
        long magnitude = Math.abs(soft.toInteger(64));
        boolean fits = (soft.flags & SoftFloat.INVALID) == 0 && magnitude >= 0 && magnitude < LIMIT;
        if (!fits) {
            soft.flags = inexact | SoftFloat.INVALID;
        }
        if (X87Registers.commit(cpu)) {
            long low = fits ? pack(magnitude, 16) : INDEFINITE_LOW;
            long high = fits ? pack(magnitude / 10_000_000_000_000_000L, 2) : 0xffff;
            cpu.store64(va, low);
            cpu.store16(va + 8, fits && negative ? high | 0x8000 : high);
            X87Registers.pop(cpu);
        }
    }

    private static long pack(long value, int digits) {
        long packed = 0;
        long rest = value;
        for (int i = 0; i < digits; i++) {
            packed |= rest % 10 << 4 * i;
            rest /= 10;
        }
        return packed;
    }
}
