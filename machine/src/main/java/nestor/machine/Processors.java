package nestor.machine;

import java.io.IOException;
import java.util.List;
import java.util.function.IntConsumer;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.Clock;
import nestor.vmm.vcpu.Vcpu;

/** The vCPUs of an x86 board with their local APICs, as an {@link Accelerator} makes them. */
interface Processors {
    /**
     * What they are connected to.
     *
     * @param endOfInterrupt takes the vector of a level-triggered interrupt that a local APIC has
     *     ended; on the vCPU's thread
     * @param onEscape told of what should not have happened
     */
    record Wiring(
            GuestMemory memory,
            MmioBus mmio,
            PortBus ports,
            int cpus,
            Clock clock,
            IntConsumer endOfInterrupt,
            Thread.UncaughtExceptionHandler onEscape) {}

    /** How processors are made. */
    @FunctionalInterface
    interface Maker {
        /**
         * Makes processors.
         *
         * @throws ConfigException if there can be none
         */
        Processors processors(Wiring wiring) throws ConfigException;
    }

    /** The vCPUs of the last {@link #reset}, with APIC IDs from 0. */
    List<? extends Vcpu> vcpus();

    /**
     * Takes interrupt messages in compatibility format; bits 63:40 of the address are bits 31:8 of
     * the APIC ID. A message to an APIC that is not there is lost. Any thread, any time.
     */
    MsiSink apics();

    /** Instructions retired; 0 if nobody counts them. Any thread. */
    long retiredInstructions();

    /**
     * Everything as after power-on; no vCPU runs.
     *
     * @throws IOException if the host refuses
     */
    void reset() throws IOException;

    /**
     * Has the boot vCPU begin as PVH says: in 32-bit protected mode with flat segments and without
     * paging. The others wait to be started by it.
     *
     * @param entryGpa of the first instruction, below 4 GiB
     * @param startInfoGpa which goes to EBX, below 4 GiB
     * @throws IOException if the host refuses
     */
    void start(int entryGpa, int startInfoGpa) throws IOException;

    /** Gives everything back; no vCPU runs any more. */
    void close();
}
