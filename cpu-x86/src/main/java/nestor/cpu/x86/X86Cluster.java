package nestor.cpu.x86;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import nestor.cpu.CodePages;
import nestor.cpu.RamMap;
import nestor.cpu.ShareableDomain;
import nestor.vmm.memory.GuestMemory;

/** What the vCPUs of one machine share: memory and the blocks decoded from it. */
public final class X86Cluster {
    final RamMap ram;
    final CodePages<X86Block> code;
    final ShareableDomain domain = new ShareableDomain();
    final X86Model model;
    private final List<X86Cpu> cpus = new CopyOnWriteArrayList<>();

    /**
     * A cluster without vCPUs.
     *
     * @param model what the processors are
     * @param memory stays open for as long as any of them runs
     */
    public X86Cluster(X86Model model, GuestMemory memory) {
        this.model = model;
        ram = new RamMap(memory);
        code = new CodePages<>(ram, 0, hostPage -> each(cpu -> cpu.mmu.withdrawWrites(hostPage)));
    }

    /** Adds a processor, before any runs. */
    void add(X86Cpu cpu) {
        cpus.add(cpu);
    }

    /** Does something to every processor while only the calling one runs. */
    private void each(Consumer<X86Cpu> action) {
        domain.exclusively(() -> cpus.forEach(action));
    }
}
