package nestor.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What is behind {@code /dev/kvm}, as far as files tell: opening it proves little, since a host
 * that is a virtual machine itself may offer a KVM that runs user mode on the processor and
 * emulates guest kernels, one instruction at a time and not all of them.
 */
enum KvmFlavour {
    /** Guests run on the processor's virtualization extensions. */
    HARDWARE("on the processor's virtualization extensions"),
    /** Page-table based virtual machines: no extensions. */
    PVM("restricted: kvm_pvm runs only user mode on the processor and emulates guest kernels"),
    /** Built into the kernel, or unknown. */
    UNKNOWN("of unknown kind");

    private static final Path MODULES = Path.of("/sys/module");

    private final String title;

    KvmFlavour(String title) {
        this.title = title;
    }

    /** For people. */
    String title() {
        return title;
    }

    /** Of this host. */
    static KvmFlavour ofHost() {
        return of(MODULES);
    }

    /**
     * @param modules the kernel's list of them, one folder each
     */
    static KvmFlavour of(Path modules) {
        if (Files.isDirectory(modules.resolve("kvm_intel"))
                || Files.isDirectory(modules.resolve("kvm_amd"))) {
            return HARDWARE;
        }
        return Files.isDirectory(modules.resolve("kvm_pvm")) ? PVM : UNKNOWN;
    }
}
