/**
 * What every other module stands on: guest memory, MMIO routing, registers, loops, time,
 * interrupts.
 */
@org.jspecify.annotations.NullMarked
module nestor.vmm {
    requires transitive jdk.jfr;
    requires static transitive org.jspecify;

    exports nestor.vmm.chardev;
    exports nestor.vmm.interrupt;
    exports nestor.vmm.loop;
    exports nestor.vmm.memory;
    exports nestor.vmm.mmio;
    exports nestor.vmm.register;
    exports nestor.vmm.time;
    exports nestor.vmm.trace;
    exports nestor.vmm.vcpu;
}
