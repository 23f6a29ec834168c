package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import nestor.host.Ioctl;
import nestor.host.kvm.KvmAbi.Cpuid2;
import nestor.host.kvm.KvmAbi.Dtable;
import nestor.host.kvm.KvmAbi.EnableCap;
import nestor.host.kvm.KvmAbi.Exit;
import nestor.host.kvm.KvmAbi.Ioeventfd;
import nestor.host.kvm.KvmAbi.IrqRouting;
import nestor.host.kvm.KvmAbi.Irqfd;
import nestor.host.kvm.KvmAbi.Msi;
import nestor.host.kvm.KvmAbi.Msrs;
import nestor.host.kvm.KvmAbi.Regs;
import nestor.host.kvm.KvmAbi.Run;
import nestor.host.kvm.KvmAbi.Segment;
import nestor.host.kvm.KvmAbi.SignalMask;
import nestor.host.kvm.KvmAbi.Sregs;
import nestor.host.kvm.KvmAbi.UserspaceMemoryRegion;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Our copy of the kernel's ABI against the headers of this host. */
class KvmAbiTest {
    private static final Path HEADER = Path.of("/usr/include/linux/kvm.h");
    private static final Path COMPILER = Path.of("/usr/bin/gcc");

    @TempDir private Path folder;

    /** C expressions, and what we hold them to be. */
    private final Map<String, Long> expected = new LinkedHashMap<>();

    @Test
    @DisplayName("<linux/kvm.h>: numbers of requests, capabilities and exits; sizes and offsets")
    void everyNumberIsThatOfTheHeaders() throws Exception {
        assumeTrue(Files.exists(HEADER), "no " + HEADER);
        assumeTrue(Files.isExecutable(COMPILER), "no " + COMPILER);
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "not an x86-64 host");
        requests();
        capabilitiesAndExits();
        runArea();
        registers();
        virtualMachine();

        assertThat(compiled()).isEqualTo(new TreeMap<>(expected));
    }

    private void requests() throws IllegalAccessException {
        for (Field field : KvmAbi.class.getDeclaredFields()) {
            if (field.getType() == Ioctl.class) {
                Ioctl request = (Ioctl) field.get(null);
                expected.put(request.name(), request.number());
            }
        }
        assertThat(expected).hasSizeGreaterThan(20);
        expected.put("KVM_API_VERSION", (long) KvmAbi.API_VERSION);
    }

    private void capabilitiesAndExits() throws IllegalAccessException {
        for (KvmAbi.Capability capability : KvmAbi.Capability.values()) {
            expected.put(capability.name(), (long) capability.number);
        }
        for (Field field : Exit.class.getDeclaredFields()) {
            expected.put("KVM_EXIT_" + field.getName(), (long) field.getInt(null));
        }
        expected.put("KVM_EXIT_IO_OUT", (long) Run.IO_OUT);
        expected.put("KVM_INTERNAL_ERROR_EMULATION", (long) Run.INTERNAL_ERROR_EMULATION);
        expected.put(
                "KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES",
                (long) Run.EMULATION_FLAG_INSTRUCTION_BYTES);
    }

    private void runArea() {
        String run = "kvm_run";
        offset(run, "immediate_exit", Run.IMMEDIATE_EXIT);
        offset(run, "exit_reason", Run.EXIT_REASON);
        offset(run, "io.direction", Run.IO_DIRECTION);
        offset(run, "io.size", Run.IO_SIZE);
        offset(run, "io.port", Run.IO_PORT);
        offset(run, "io.count", Run.IO_COUNT);
        offset(run, "io.data_offset", Run.IO_DATA_OFFSET);
        offset(run, "mmio.phys_addr", Run.MMIO_PHYS_ADDR);
        offset(run, "mmio.data", Run.MMIO_DATA);
        offset(run, "mmio.len", Run.MMIO_LEN);
        offset(run, "mmio.is_write", Run.MMIO_IS_WRITE);
        offset(run, "fail_entry.hardware_entry_failure_reason", Run.FAIL_ENTRY_REASON);
        offset(run, "internal.suberror", Run.INTERNAL_SUBERROR);
        offset(run, "internal.ndata", Run.INTERNAL_NDATA);
        offset(run, "emulation_failure.flags", Run.EMULATION_FAILURE_FLAGS);
        offset(run, "emulation_failure.insn_size", Run.EMULATION_FAILURE_INSN_SIZE);
        offset(run, "emulation_failure.insn_bytes", Run.EMULATION_FAILURE_INSN_BYTES);
        expected.put(
                "sizeof(((struct kvm_run *) 0)->emulation_failure.insn_bytes)",
                (long) Run.INSTRUCTION_BYTES);
        offset(run, "eoi.vector", Run.EOI_VECTOR);
    }

    private void registers() {
        size("kvm_regs", Regs.BYTES);
        offset("kvm_regs", "rax", Regs.RAX);
        offset("kvm_regs", "rbx", Regs.RBX);
        offset("kvm_regs", "rsp", Regs.RSP);
        offset("kvm_regs", "rip", Regs.RIP);
        offset("kvm_regs", "rflags", Regs.RFLAGS);
        String sregs = "kvm_sregs";
        size(sregs, Sregs.BYTES);
        offset(sregs, "cs", Sregs.CS);
        offset(sregs, "ds", Sregs.DS);
        offset(sregs, "es", Sregs.ES);
        offset(sregs, "fs", Sregs.FS);
        offset(sregs, "gs", Sregs.GS);
        offset(sregs, "ss", Sregs.SS);
        offset(sregs, "tr", Sregs.TR);
        offset(sregs, "gdt", Sregs.GDT);
        offset(sregs, "idt", Sregs.IDT);
        offset(sregs, "cr0", Sregs.CR0);
        offset(sregs, "cr3", Sregs.CR3);
        offset(sregs, "cr4", Sregs.CR4);
        offset(sregs, "efer", Sregs.EFER);
        String segment = "kvm_segment";
        size(segment, Segment.BYTES);
        offset(segment, "base", Segment.BASE);
        offset(segment, "limit", Segment.LIMIT);
        offset(segment, "selector", Segment.SELECTOR);
        offset(segment, "type", Segment.TYPE);
        offset(segment, "present", Segment.PRESENT);
        offset(segment, "dpl", Segment.DPL);
        offset(segment, "db", Segment.DB);
        offset(segment, "s", Segment.S);
        offset(segment, "l", Segment.L);
        offset(segment, "g", Segment.G);
        size("kvm_dtable", Dtable.BYTES);
        offset("kvm_dtable", "base", Dtable.BASE);
        offset("kvm_dtable", "limit", Dtable.LIMIT);
        offset("kvm_msrs", "nmsrs", Msrs.NMSRS);
        offset("kvm_msrs", "entries", Msrs.ENTRIES);
        size("kvm_msr_entry", Msrs.ENTRY_BYTES);
        offset("kvm_msr_entry", "index", Msrs.ENTRY_INDEX);
        offset("kvm_msr_entry", "data", Msrs.ENTRY_DATA);
        offset("kvm_signal_mask", "len", SignalMask.LEN);
        offset("kvm_signal_mask", "sigset", SignalMask.SIGSET);
        offset("kvm_cpuid2", "nent", Cpuid2.NENT);
        offset("kvm_cpuid2", "entries", Cpuid2.ENTRIES);
        String cpuid = "kvm_cpuid_entry2";
        size(cpuid, Cpuid2.ENTRY_BYTES);
        offset(cpuid, "function", Cpuid2.FUNCTION);
        offset(cpuid, "index", Cpuid2.INDEX);
        offset(cpuid, "eax", Cpuid2.EAX);
        offset(cpuid, "ebx", Cpuid2.EBX);
        offset(cpuid, "ecx", Cpuid2.ECX);
        offset(cpuid, "edx", Cpuid2.EDX);
    }

    private void virtualMachine() {
        String region = "kvm_userspace_memory_region";
        size(region, UserspaceMemoryRegion.BYTES);
        offset(region, "slot", UserspaceMemoryRegion.SLOT);
        offset(region, "guest_phys_addr", UserspaceMemoryRegion.GUEST_PHYS_ADDR);
        offset(region, "memory_size", UserspaceMemoryRegion.MEMORY_SIZE);
        offset(region, "userspace_addr", UserspaceMemoryRegion.USERSPACE_ADDR);
        size("kvm_enable_cap", EnableCap.BYTES);
        offset("kvm_enable_cap", "cap", EnableCap.CAP);
        offset("kvm_enable_cap", "args", EnableCap.ARGS);
        size("kvm_msi", Msi.BYTES);
        offset("kvm_msi", "address_lo", Msi.ADDRESS_LO);
        offset("kvm_msi", "address_hi", Msi.ADDRESS_HI);
        offset("kvm_msi", "data", Msi.DATA);
        size("kvm_irqfd", Irqfd.BYTES);
        offset("kvm_irqfd", "fd", Irqfd.FD);
        offset("kvm_irqfd", "gsi", Irqfd.GSI);
        offset("kvm_irqfd", "flags", Irqfd.FLAGS);
        expected.put("KVM_IRQFD_FLAG_DEASSIGN", (long) Irqfd.FLAG_DEASSIGN);
        String ioeventfd = "kvm_ioeventfd";
        size(ioeventfd, Ioeventfd.BYTES);
        offset(ioeventfd, "datamatch", Ioeventfd.DATAMATCH);
        offset(ioeventfd, "addr", Ioeventfd.ADDR);
        offset(ioeventfd, "len", Ioeventfd.LEN);
        offset(ioeventfd, "fd", Ioeventfd.FD);
        offset(ioeventfd, "flags", Ioeventfd.FLAGS);
        expected.put("KVM_IOEVENTFD_FLAG_DATAMATCH", (long) Ioeventfd.FLAG_DATAMATCH);
        expected.put("KVM_IOEVENTFD_FLAG_PIO", (long) Ioeventfd.FLAG_PIO);
        expected.put("KVM_IOEVENTFD_FLAG_DEASSIGN", (long) Ioeventfd.FLAG_DEASSIGN);
        offset("kvm_irq_routing", "nr", IrqRouting.NR);
        offset("kvm_irq_routing", "entries", IrqRouting.ENTRIES);
        String entry = "kvm_irq_routing_entry";
        size(entry, IrqRouting.ENTRY_BYTES);
        offset(entry, "gsi", IrqRouting.GSI);
        offset(entry, "type", IrqRouting.TYPE);
        offset(entry, "u.msi.address_lo", IrqRouting.MSI_ADDRESS_LO);
        offset(entry, "u.msi.address_hi", IrqRouting.MSI_ADDRESS_HI);
        offset(entry, "u.msi.data", IrqRouting.MSI_DATA);
        expected.put("KVM_IRQ_ROUTING_MSI", (long) IrqRouting.TYPE_MSI);
    }

    private void size(String struct, int bytes) {
        expected.put("sizeof(struct " + struct + ")", (long) bytes);
    }

    private void offset(String struct, String member, int bytes) {
        expected.put("offsetof(struct " + struct + ", " + member + ")", (long) bytes);
    }

    /** What the compiler makes of the same expressions. */
    private Map<String, Long> compiled() throws IOException, InterruptedException {
        StringBuilder program =
                new StringBuilder(
                        """
                        #include <linux/kvm.h>
                        #include <stddef.h>
                        #include <stdio.h>
                        int main(void) {
                        """);
        for (String expression : expected.keySet()) {
            program.append(
                    "printf(\"%%llu=%s\\n\", (unsigned long long) (%s));\n"
                            .formatted(expression, expression));
        }
        Path source = folder.resolve("abi.c");
        Files.writeString(source, program.append("}\n"));
        run(COMPILER.toString(), "-o", folder.resolve("abi").toString(), source.toString());
        Map<String, Long> values = new TreeMap<>();
        run(folder.resolve("abi").toString())
                .lines()
                .forEach(line -> {
                    int equals = line.indexOf('=');
                    values.put(
                            line.substring(equals + 1),
                            Long.parseUnsignedLong(line.substring(0, equals)));
                });
        return values;
    }

    private String run(String... command) throws IOException, InterruptedException {
        Path output = folder.resolve("output");
        Process process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        String text = Files.readString(output);
        assertThat(process.exitValue()).describedAs(text).isZero();
        return text;
    }
}
