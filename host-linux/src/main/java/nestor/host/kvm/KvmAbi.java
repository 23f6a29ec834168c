package nestor.host.kvm;

import nestor.host.Ioctl;

/**
 * What {@code <linux/kvm.h>} and the x86 {@code <asm/kvm.h>} fix: requests, sizes and offsets of
 * structures, in the order of api.rst. A test compares every line with the headers of the host.
 */
final class KvmAbi {
    static final String DEVICE = "/dev/kvm";

    /** KVM_GET_API_VERSION has returned this since Linux 2.6.22. */
    static final int API_VERSION = 12;

    private static final int KVMIO = 0xae;

    // System: on /dev/kvm itself.
    static final Ioctl GET_API_VERSION = Ioctl.io("KVM_GET_API_VERSION", KVMIO, 0x00);
    static final Ioctl CREATE_VM = Ioctl.io("KVM_CREATE_VM", KVMIO, 0x01);
    static final Ioctl CHECK_EXTENSION = Ioctl.io("KVM_CHECK_EXTENSION", KVMIO, 0x03);
    static final Ioctl GET_VCPU_MMAP_SIZE = Ioctl.io("KVM_GET_VCPU_MMAP_SIZE", KVMIO, 0x04);
    static final Ioctl GET_SUPPORTED_CPUID =
            Ioctl.iowr("KVM_GET_SUPPORTED_CPUID", KVMIO, 0x05, Cpuid2.ENTRIES);

    // Of a virtual machine.
    static final Ioctl CREATE_VCPU = Ioctl.io("KVM_CREATE_VCPU", KVMIO, 0x41);
    static final Ioctl SET_USER_MEMORY_REGION =
            Ioctl.iow("KVM_SET_USER_MEMORY_REGION", KVMIO, 0x46, UserspaceMemoryRegion.BYTES);
    static final Ioctl SET_TSS_ADDR = Ioctl.io("KVM_SET_TSS_ADDR", KVMIO, 0x47);
    static final Ioctl SET_IDENTITY_MAP_ADDR =
            Ioctl.iow("KVM_SET_IDENTITY_MAP_ADDR", KVMIO, 0x48, Long.BYTES);
    static final Ioctl SET_GSI_ROUTING =
            Ioctl.iow("KVM_SET_GSI_ROUTING", KVMIO, 0x6a, IrqRouting.ENTRIES);
    static final Ioctl IRQFD = Ioctl.iow("KVM_IRQFD", KVMIO, 0x76, Irqfd.BYTES);
    static final Ioctl IOEVENTFD = Ioctl.iow("KVM_IOEVENTFD", KVMIO, 0x79, Ioeventfd.BYTES);
    static final Ioctl ENABLE_CAP = Ioctl.iow("KVM_ENABLE_CAP", KVMIO, 0xa3, EnableCap.BYTES);
    static final Ioctl SIGNAL_MSI = Ioctl.iow("KVM_SIGNAL_MSI", KVMIO, 0xa5, Msi.BYTES);

    // Of a virtual CPU.
    static final Ioctl RUN = Ioctl.io("KVM_RUN", KVMIO, 0x80);
    static final Ioctl GET_REGS = Ioctl.ior("KVM_GET_REGS", KVMIO, 0x81, Regs.BYTES);
    static final Ioctl SET_REGS = Ioctl.iow("KVM_SET_REGS", KVMIO, 0x82, Regs.BYTES);
    static final Ioctl GET_SREGS = Ioctl.ior("KVM_GET_SREGS", KVMIO, 0x83, Sregs.BYTES);
    static final Ioctl SET_SREGS = Ioctl.iow("KVM_SET_SREGS", KVMIO, 0x84, Sregs.BYTES);
    static final Ioctl SET_MSRS = Ioctl.iow("KVM_SET_MSRS", KVMIO, 0x89, Msrs.ENTRIES);
    static final Ioctl SET_SIGNAL_MASK =
            Ioctl.iow("KVM_SET_SIGNAL_MASK", KVMIO, 0x8b, SignalMask.SIGSET);
    static final Ioctl SET_CPUID2 = Ioctl.iow("KVM_SET_CPUID2", KVMIO, 0x90, Cpuid2.ENTRIES);

    private KvmAbi() {}

    /** Arguments of KVM_CHECK_EXTENSION and KVM_ENABLE_CAP. */
    enum Capability {
        KVM_CAP_USER_MEMORY(3),
        KVM_CAP_IRQ_ROUTING(25),
        KVM_CAP_IRQFD(32),
        KVM_CAP_SET_IDENTITY_MAP_ADDR(37),
        KVM_CAP_IOEVENTFD(36),
        KVM_CAP_MAX_VCPUS(66),
        KVM_CAP_TSC_DEADLINE_TIMER(72),
        KVM_CAP_SIGNAL_MSI(77),
        KVM_CAP_SPLIT_IRQCHIP(121),
        KVM_CAP_X2APIC_API(129);

        final int number;

        Capability(int number) {
            this.number = number;
        }
    }

    /** {@code struct kvm_run}, the page that a vCPU shares with the kernel. */
    static final class Run {
        static final int IMMEDIATE_EXIT = 1;
        static final int EXIT_REASON = 8;
        static final int IO_DIRECTION = 32;
        static final int IO_SIZE = 33;
        static final int IO_PORT = 34;
        static final int IO_COUNT = 36;
        static final int IO_DATA_OFFSET = 40;
        static final int MMIO_PHYS_ADDR = 32;
        static final int MMIO_DATA = 40;
        static final int MMIO_LEN = 48;
        static final int MMIO_IS_WRITE = 52;
        static final int FAIL_ENTRY_REASON = 32;
        static final int INTERNAL_SUBERROR = 32;
        static final int INTERNAL_NDATA = 36;
        static final int INTERNAL_DATA = 40;
        static final int EMULATION_FAILURE_FLAGS = 40;
        static final int EMULATION_FAILURE_INSN_SIZE = 48;
        static final int EMULATION_FAILURE_INSN_BYTES = 49;
        static final int EOI_VECTOR = 32;

        static final int IO_OUT = 1;
        static final int INTERNAL_ERROR_EMULATION = 1;
        static final int EMULATION_FLAG_INSTRUCTION_BYTES = 1;
        static final int INSTRUCTION_BYTES = 15;

        private Run() {}
    }

    /** {@code KVM_EXIT_*}. */
    static final class Exit {
        static final int IO = 2;
        static final int HLT = 5;
        static final int MMIO = 6;
        static final int IRQ_WINDOW_OPEN = 7;
        static final int SHUTDOWN = 8;
        static final int FAIL_ENTRY = 9;
        static final int INTR = 10;
        static final int INTERNAL_ERROR = 17;
        static final int IOAPIC_EOI = 26;

        private Exit() {}
    }

    /** {@code struct kvm_userspace_memory_region}. */
    static final class UserspaceMemoryRegion {
        static final int BYTES = 32;
        static final int SLOT = 0;
        static final int FLAGS = 4;
        static final int GUEST_PHYS_ADDR = 8;
        static final int MEMORY_SIZE = 16;
        static final int USERSPACE_ADDR = 24;

        private UserspaceMemoryRegion() {}
    }

    /** {@code struct kvm_regs}. */
    static final class Regs {
        static final int BYTES = 144;
        static final int RAX = 0;
        static final int RBX = 8;
        static final int RSP = 48;
        static final int RIP = 128;
        static final int RFLAGS = 136;

        private Regs() {}
    }

    /** {@code struct kvm_sregs}. */
    static final class Sregs {
        static final int BYTES = 312;
        static final int CS = 0;
        static final int DS = 24;
        static final int ES = 48;
        static final int FS = 72;
        static final int GS = 96;
        static final int SS = 120;
        static final int TR = 144;
        static final int GDT = 192;
        static final int IDT = 208;
        static final int CR0 = 224;
        static final int CR3 = 240;
        static final int CR4 = 248;
        static final int EFER = 264;

        private Sregs() {}
    }

    /** {@code struct kvm_segment}, in {@link Sregs}. */
    static final class Segment {
        static final int BYTES = 24;
        static final int BASE = 0;
        static final int LIMIT = 8;
        static final int SELECTOR = 12;
        static final int TYPE = 14;
        static final int PRESENT = 15;
        static final int DPL = 16;
        static final int DB = 17;
        static final int S = 18;
        static final int L = 19;
        static final int G = 20;

        private Segment() {}
    }

    /** {@code struct kvm_dtable}, in {@link Sregs}. */
    static final class Dtable {
        static final int BYTES = 16;
        static final int BASE = 0;
        static final int LIMIT = 8;

        private Dtable() {}
    }

    /** {@code struct kvm_msrs} and its {@code struct kvm_msr_entry}. */
    static final class Msrs {
        static final int NMSRS = 0;
        static final int ENTRIES = 8;
        static final int ENTRY_BYTES = 16;
        static final int ENTRY_INDEX = 0;
        static final int ENTRY_DATA = 8;

        private Msrs() {}
    }

    /** {@code struct kvm_signal_mask}. */
    static final class SignalMask {
        static final int LEN = 0;
        static final int SIGSET = 4;

        private SignalMask() {}
    }

    /** {@code struct kvm_cpuid2} and its {@code struct kvm_cpuid_entry2}. */
    static final class Cpuid2 {
        static final int NENT = 0;
        static final int ENTRIES = 8;
        static final int ENTRY_BYTES = 40;
        static final int FUNCTION = 0;
        static final int INDEX = 4;
        static final int EAX = 12;
        static final int EBX = 16;
        static final int ECX = 20;
        static final int EDX = 24;

        private Cpuid2() {}
    }

    /** {@code struct kvm_enable_cap}. */
    static final class EnableCap {
        static final int BYTES = 104;
        static final int CAP = 0;
        static final int ARGS = 8;

        private EnableCap() {}
    }

    /** {@code struct kvm_msi}. */
    static final class Msi {
        static final int BYTES = 32;
        static final int ADDRESS_LO = 0;
        static final int ADDRESS_HI = 4;
        static final int DATA = 8;

        private Msi() {}
    }

    /** {@code struct kvm_irqfd}. */
    static final class Irqfd {
        static final int BYTES = 32;
        static final int FD = 0;
        static final int GSI = 4;
        static final int FLAGS = 8;
        static final int FLAG_DEASSIGN = 1;

        private Irqfd() {}
    }

    /** {@code struct kvm_ioeventfd}. */
    static final class Ioeventfd {
        static final int BYTES = 64;
        static final int DATAMATCH = 0;
        static final int ADDR = 8;
        static final int LEN = 16;
        static final int FD = 20;
        static final int FLAGS = 24;
        static final int FLAG_DATAMATCH = 1;
        static final int FLAG_PIO = 2;
        static final int FLAG_DEASSIGN = 4;

        private Ioeventfd() {}
    }

    /** {@code struct kvm_irq_routing} and its {@code struct kvm_irq_routing_entry}. */
    static final class IrqRouting {
        static final int NR = 0;
        static final int ENTRIES = 8;
        static final int ENTRY_BYTES = 48;
        static final int GSI = 0;
        static final int TYPE = 4;
        static final int MSI_ADDRESS_LO = 16;
        static final int MSI_ADDRESS_HI = 20;
        static final int MSI_DATA = 24;
        static final int TYPE_MSI = 2;

        private IrqRouting() {}
    }
}
