package nestor.cpu.x86;

import nestor.cpu.HostMemory;
import nestor.cpu.RamMap;
import nestor.vmm.mmio.MmioBus;

/**
 * Data accesses that the software TLB does not answer: first use of a page, pages that hold code,
 * page crossings, devices, faults. A device access is resolved here, on the vCPU's thread, from the
 * instruction itself. An access moves no byte before every page it touches has been translated.
 */
final class DataAccess {
    private final X86Cpu cpu;
    private final RamMap ram;
    private final MmioBus mmio;

    /** What {@link #splitLock} found. */
    private long found;

    DataAccess(X86Cpu cpu, RamMap ram, MmioBus mmio) {
        this.cpu = cpu;
        this.ram = ram;
        this.mmio = mmio;
    }

    /** Tells the debugger, if there is one. */
    private void watch(long va, long sizeBytes, boolean reads, boolean writes) {
        if (cpu.debug != null) {
            cpu.debug.access(va, sizeBytes, reads, writes);
        }
    }

    long load(Regime regime, long va, int sizeBytes) {
        return load(regime, va, sizeBytes, Mmu.Kind.READ);
    }

    /** Loads what is stored next: faults as the store would. */
    long loadForUpdate(Regime regime, long va, int sizeBytes) {
        return load(regime, va, sizeBytes, Mmu.Kind.WRITE);
    }

    private long load(Regime regime, long va, int sizeBytes, Mmu.Kind kind) {
        watch(va, sizeBytes, true, kind == Mmu.Kind.WRITE);
        int first = bytesInFirstPage(va);
        long gpa = cpu.mmu.resolve(regime, va, kind);
        if (first >= sizeBytes) {
            return loadResolved(gpa, sizeBytes);
        }
        long next = cpu.mmu.resolve(regime, va + first, kind);
        long value = 0;
        for (int i = 0; i < sizeBytes; i++) {
            value |= loadResolved(i < first ? gpa + i : next + (i - first), 1) << (8 * i);
        }
        return value;
    }

    void store(Regime regime, long va, int sizeBytes, long value) {
        watch(va, sizeBytes, false, true);
        int first = bytesInFirstPage(va);
        long gpa = cpu.mmu.resolve(regime, va, Mmu.Kind.WRITE);
        if (first >= sizeBytes) {
            storeResolved(gpa, sizeBytes, value);
            return;
        }
        long next = cpu.mmu.resolve(regime, va + first, Mmu.Kind.WRITE);
        for (int i = 0; i < sizeBytes; i++) {
            storeResolved(i < first ? gpa + i : next + (i - first), 1, value >>> (8 * i));
        }
    }

    /** MOVDIR64B: 64 aligned bytes, to a device as one write, to RAM as no other vCPU tears. */
    void storeBlock(Regime regime, long va, long[] block) {
        watch(va, 8L * block.length, false, true);
        long gpa = cpu.mmu.resolve(regime, va, Mmu.Kind.WRITE);
        if (ram.hostAddress(gpa) == RamMap.NONE) {
            mmio.writeBlock(gpa, block);
            cpu.checkInterrupts();
            return;
        }
        cpu.domain.exclusively(() -> {
            for (int i = 0; i < block.length; i++) {
                storeResolved(gpa + 8L * i, 8, block[i]);
            }
        });
    }

    /**
     * ENQCMD: 64 aligned bytes to a device that may refuse them, as RAM and all others do.
     *
     * @return whether it has accepted them
     */
    boolean storeDeferrable(Regime regime, long va, long[] block) {
        watch(va, 8L * block.length, false, true);
        long gpa = cpu.mmu.resolve(regime, va, Mmu.Kind.WRITE);
        boolean accepted = mmio.writeDeferrable(gpa, block);
        cpu.checkInterrupts();
        return accepted;
    }

    private long loadResolved(long gpa, int sizeBytes) {
        long host = ram.hostAddress(gpa);
        return host != RamMap.NONE ? HostMemory.get(host, sizeBytes) : deviceRead(gpa, sizeBytes);
    }

    private long deviceRead(long gpa, int sizeBytes) {
        if (cpu.apic.claims(gpa)) {
            return cpu.apic.readMmio(gpa, sizeBytes);
        }
        long value = mmio.read(gpa, sizeBytes);
        cpu.checkInterrupts();
        return value;
    }

    private void deviceWrite(long gpa, int sizeBytes, long value) {
        if (cpu.apic.claims(gpa)) {
            cpu.apic.writeMmio(gpa, sizeBytes, value);
        } else {
            mmio.write(gpa, sizeBytes, value);
        }
        cpu.checkInterrupts();
    }

    private void storeResolved(long gpa, int sizeBytes, long value) {
        long host = ram.hostAddress(gpa);
        if (host == RamMap.NONE) {
            deviceWrite(gpa, sizeBytes, value);
            return;
        }
        HostMemory.put(host, sizeBytes, value);
        if (cpu.code.holdsCode(gpa)) {
            cpu.code.stored(gpa, sizeBytes);
        }
    }

    long compareAndExchange(Regime regime, long va, int sizeBytes, long expected, long value) {
        watch(va, sizeBytes, true, true);
        long gpa = cpu.mmu.resolve(regime, va, Mmu.Kind.WRITE);
        long host = ram.hostAddress(gpa);
        if (host == RamMap.NONE) {
            long seen = deviceRead(gpa, sizeBytes);
            if (seen == (expected & Operand.mask(sizeBytes))) {
                deviceWrite(gpa, sizeBytes, value);
            }
            return seen;
        }
        long seen = HostMemory.compareAndExchange(host, sizeBytes, expected, value);
        if (cpu.code.holdsCode(gpa)) {
            cpu.code.stored(gpa, sizeBytes);
        }
        return seen;
    }

    /** A misaligned locked access: atomic towards processors, not towards devices. */
    long splitLock(Regime regime, long va, int sizeBytes, long expected, long value) {
        watch(va, sizeBytes, true, true);
        cpu.domain.exclusively(() -> {
            found = loadForUpdate(regime, va, sizeBytes);
            if (found == (expected & Operand.mask(sizeBytes))) {
                store(regime, va, sizeBytes, value);
            }
        });
        return found;
    }

    private static int bytesInFirstPage(long va) {
        return (int) (RamMap.PAGE_BYTES - (va & (RamMap.PAGE_BYTES - 1)));
    }
}
