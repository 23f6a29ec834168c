package nestor.cpu.x86;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import nestor.cpu.CodePages;
import nestor.cpu.RamMap;
import nestor.cpu.ShareableDomain;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.memory.GuestMemory;

/**
 * What the vCPUs of one machine share: memory, the blocks decoded from it, and the bus between
 * their local APICs.
 */
public final class X86Cluster {
    private static final int DESTINATION_SHIFT = 12;
    private static final int DESTINATION_HIGH_SHIFT = 32;
    private static final int DESTINATION_LOGICAL = 1 << 2;
    private static final int DATA_LEVEL_TRIGGERED = 1 << 15;

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

    /**
     * Takes interrupt messages in compatibility format (3A §11.11); bits 63:40 of the address are
     * bits 31:8 of the APIC ID. Any thread.
     */
    public MsiSink apics() {
        return (_, address, data) -> {
            int low = (int) (address >>> DESTINATION_SHIFT) & 0xff;
            int high = (int) (address >>> DESTINATION_HIGH_SHIFT) & ~0xff;
            boolean logical = (address & DESTINATION_LOGICAL) != 0;
            boolean level = (data & DATA_LEVEL_TRIGGERED) != 0;
            route(high | low, logical, data >>> 8 & 7, data & 0xff, level);
        };
    }

    /** Adds a processor, before any runs. */
    void add(X86Cpu cpu) {
        cpus.add(cpu);
    }

    /** Drops all decoded blocks: the host has written RAM. No vCPU runs. */
    public void memoryReplaced() {
        code.dropAll();
    }

    /** An interrupt for whom the destination names; of lowest priority, for one of them. */
    void route(int destination, boolean logical, int mode, int vector, boolean level) {
        for (X86Cpu cpu : cpus) {
            if (cpu.apic.matches(destination, logical)) {
                cpu.apic.accept(mode, vector, level);
                if (mode == LocalApic.LOWEST_PRIORITY) {
                    return;
                }
            }
        }
    }

    /** An interrupt for all, or for all but the sender. */
    void broadcast(LocalApic sender, boolean self, int mode, int vector) {
        for (X86Cpu cpu : cpus) {
            if (self || cpu.apic != sender) {
                cpu.apic.accept(mode, vector, false);
            }
        }
    }

    /** Does something to every processor while only the calling one runs. */
    private void each(Consumer<X86Cpu> action) {
        domain.exclusively(() -> cpus.forEach(action));
    }
}
