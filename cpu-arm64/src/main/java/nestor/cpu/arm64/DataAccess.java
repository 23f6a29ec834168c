package nestor.cpu.arm64;

import nestor.cpu.HostMemory;
import nestor.cpu.RamMap;
import nestor.vmm.mmio.MmioBus;

/**
 * Data accesses that the software TLB does not answer: first use of a page, pages that hold code,
 * page crossings, devices, faults. A device access is resolved here, on the vCPU's thread, from the
 * instruction itself. An access moves no byte before every page it touches has been translated.
 */
final class DataAccess {
    /** DCZID_EL0.BS = 4. */
    static final long ZERO_BLOCK_BYTES = 64;

    private final Arm64Cpu cpu;
    private final RamMap ram;
    private final MmioBus mmio;

    DataAccess(Arm64Cpu cpu, RamMap ram, MmioBus mmio) {
        this.cpu = cpu;
        this.ram = ram;
        this.mmio = mmio;
    }

    /** Zeroes one DC ZVA block. */
    static void zero(long host) {
        for (int i = 0; i < ZERO_BLOCK_BYTES; i += 8) {
            HostMemory.putLong(host + i, 0);
        }
    }

    /** Tells the debugger, if there is one. */
    private void watch(long va, long sizeBytes, boolean reads, boolean writes) {
        if (cpu.debug != null) {
            cpu.debug.access(va, sizeBytes, reads, writes);
        }
    }

    long load(Regime regime, long va, int sizeBytes) {
        watch(va, sizeBytes, true, false);
        if (crossesPage(va, sizeBytes)) {
            return loadAcross(regime, va, sizeBytes);
        }
        long gpa = resolve(regime, va, sizeBytes, Mmu.Access.READ);
        long host = ram.hostAddress(gpa);
        return host != RamMap.NONE
                ? HostMemory.get(host, sizeBytes)
                : deviceRead(va, gpa, sizeBytes);
    }

    void store(Regime regime, long va, int sizeBytes, long value) {
        watch(va, sizeBytes, false, true);
        if (crossesPage(va, sizeBytes)) {
            storeAcross(regime, va, sizeBytes, value);
            return;
        }
        long gpa = resolve(regime, va, sizeBytes, Mmu.Access.WRITE);
        storeResolved(va, gpa, sizeBytes, value);
    }

    private void storeResolved(long va, long gpa, int sizeBytes, long value) {
        long host = ram.hostAddress(gpa);
        if (host == RamMap.NONE) {
            deviceWrite(va, gpa, sizeBytes, value);
            return;
        }
        HostMemory.put(host, sizeBytes, value);
        if (cpu.code.holdsCode(gpa)) {
            cpu.code.stored(gpa, sizeBytes);
        }
    }

    private long loadAcross(Regime regime, long va, int sizeBytes) {
        int first = bytesInFirstPage(va);
        long lowGpa = resolve(regime, va, sizeBytes, Mmu.Access.READ);
        long highGpa = resolveSecond(regime, va, first, Mmu.Access.READ);
        long value = 0;
        for (int i = 0; i < sizeBytes; i++) {
            long gpa = i < first ? lowGpa + i : highGpa + (i - first);
            long host = ram.hostAddress(gpa);
            long octet = host != RamMap.NONE ? HostMemory.get(host, 1) : deviceRead(va + i, gpa, 1);
            value |= octet << (8 * i);
        }
        return value;
    }

    private void storeAcross(Regime regime, long va, int sizeBytes, long value) {
        int first = bytesInFirstPage(va);
        long lowGpa = resolve(regime, va, sizeBytes, Mmu.Access.WRITE);
        long highGpa = resolveSecond(regime, va, first, Mmu.Access.WRITE);
        for (int i = 0; i < sizeBytes; i++) {
            long gpa = i < first ? lowGpa + i : highGpa + (i - first);
            storeResolved(va + i, gpa, 1, value >>> (8 * i));
        }
    }

    private long resolveSecond(Regime regime, long va, int first, Mmu.Access access) {
        long second = va + first;
        long gpa = cpu.mmu.resolve(regime, second, access);
        if (cpu.mmu.alignmentRequired()) {
            throw cpu.abort(va, access, Syndrome.ALIGNMENT);
        }
        return gpa;
    }

    private long resolve(Regime regime, long va, int sizeBytes, Mmu.Access access) {
        long gpa = cpu.mmu.resolve(regime, va, access);
        if ((va & (sizeBytes - 1)) != 0 && cpu.mmu.alignmentRequired()) {
            throw cpu.abort(va, access, Syndrome.ALIGNMENT);
        }
        return gpa;
    }

    /** An atomic that may not read reports a read (§D17.2.37, WnR). */
    long compareAndSwap(Regime regime, long va, int sizeBytes, long expected, long value) {
        watch(va, sizeBytes, true, true);
        cpu.mmu.resolve(regime, va, Mmu.Access.READ);
        long gpa = cpu.mmu.resolve(regime, va, Mmu.Access.WRITE);
        long host = ram.hostAddress(gpa);
        if (host == RamMap.NONE) {
            long found = deviceRead(va, gpa, sizeBytes);
            if (found == (expected & (-1L >>> (64 - 8 * sizeBytes)))) {
                deviceWrite(va, gpa, sizeBytes, value);
            }
            return found;
        }
        long found = HostMemory.compareAndExchange(host, sizeBytes, expected, value);
        if (cpu.code.holdsCode(gpa)) {
            cpu.code.stored(gpa, sizeBytes);
        }
        return found;
    }

    void zeroBlock(Regime regime, long va) {
        long block = va & -ZERO_BLOCK_BYTES;
        watch(block, ZERO_BLOCK_BYTES, false, true);
        long gpa = cpu.mmu.resolve(regime, va, Mmu.Access.WRITE) & -ZERO_BLOCK_BYTES;
        if (cpu.mmu.device()) {
            throw cpu.abort(va, Mmu.Access.WRITE, Syndrome.ALIGNMENT);
        }
        for (int i = 0; i < ZERO_BLOCK_BYTES; i += 8) {
            storeResolved(block + i, gpa + i, 8, 0);
        }
    }

    private long deviceRead(long va, long gpa, int sizeBytes) {
        if (!mmio.claims(gpa)) {
            throw cpu.abort(va, Mmu.Access.READ, Syndrome.EXTERNAL);
        }
        long value = mmio.read(gpa, sizeBytes);
        cpu.checkInterrupts();
        return value;
    }

    private void deviceWrite(long va, long gpa, int sizeBytes, long value) {
        if (!mmio.claims(gpa)) {
            throw cpu.abort(va, Mmu.Access.WRITE, Syndrome.EXTERNAL);
        }
        mmio.write(gpa, sizeBytes, value);
        cpu.checkInterrupts();
    }

    private static boolean crossesPage(long va, int sizeBytes) {
        return bytesInFirstPage(va) < sizeBytes;
    }

    private static int bytesInFirstPage(long va) {
        return (int) (RamMap.PAGE_BYTES - (va & (RamMap.PAGE_BYTES - 1)));
    }
}
