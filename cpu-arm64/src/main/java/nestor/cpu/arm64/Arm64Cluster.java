package nestor.cpu.arm64;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import nestor.cpu.CodePages;
import nestor.cpu.RamMap;
import nestor.cpu.ShareableDomain;
import nestor.vmm.memory.GuestMemory;

/**
 * What the vCPUs of one machine share: memory, the blocks decoded from it, and the Inner Shareable
 * domain, in which broadcast maintenance reaches every one of them.
 */
public final class Arm64Cluster {
    final RamMap ram;
    final CodePages<A64Block> code;
    final ShareableDomain domain = new ShareableDomain();
    private final List<Arm64Cpu> cpus = new CopyOnWriteArrayList<>();

    /**
     * A cluster without vCPUs.
     *
     * @param memory stays open for as long as any of them runs
     */
    public Arm64Cluster(GuestMemory memory) {
        ram = new RamMap(memory);
        code = new CodePages<>(ram, 2, hostPage -> each(cpu -> cpu.mmu.withdrawWrites(hostPage)));
    }

    /** Adds a processing element, before any runs. */
    void add(Arm64Cpu cpu) {
        cpus.add(cpu);
    }

    /** Does something to every processing element while only the calling one runs. */
    void each(Consumer<Arm64Cpu> action) {
        domain.exclusively(() -> cpus.forEach(action));
    }
}
