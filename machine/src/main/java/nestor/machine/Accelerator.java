package nestor.machine;

import java.util.Arrays;
import java.util.Optional;

/** What runs the vCPUs ({@code -accel}), in QEMU's names. */
public enum Accelerator {
    /** A software CPU. */
    TCG("tcg"),
    /** The host's KVM. */
    KVM("kvm"),
    /** Nothing: no vCPU runs, and time stands still but for {@link TestDriver}. */
    QTEST("qtest");

    private final String title;

    Accelerator(String title) {
        this.title = title;
    }

    /** Its name on a command line. */
    public String title() {
        return title;
    }

    /** The accelerator of that name. */
    public static Optional<Accelerator> titled(String name) {
        return Arrays.stream(values()).filter(each -> each.title.equals(name)).findFirst();
    }

    /** Why nothing runs on it here; empty if it does, as far as can be seen without a machine. */
    public Optional<String> missing() {
        return switch (this) {
            case KVM -> KvmProcessors.missing();
            case TCG, QTEST -> Optional.empty();
        };
    }

    /**
     * Processors for an x86 board.
     *
     * @throws ConfigException if there can be none of this kind here
     */
    Processors processors(Processors.Wiring wiring) throws ConfigException {
        return switch (this) {
            case KVM -> KvmProcessors.open(wiring);
            case TCG, QTEST -> new TcgProcessors(wiring);
        };
    }
}
