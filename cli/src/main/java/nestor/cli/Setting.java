package nestor.cli;

import java.util.Arrays;
import java.util.Optional;

/**
 * The settings that are one word or number, with their names in a configuration file and as an
 * option.
 */
enum Setting {
    PRESET("preset", "--preset"),
    KERNEL_RELEASE("kernelRelease", "--kernel-release"),
    MACHINE("machine", "-machine"),
    ACCELERATOR("accel", "-accel"),
    CPU("cpu", "-cpu"),
    CPUS("cpus", "-smp"),
    MEMORY("memory", "-m"),
    KERNEL("kernel", "-kernel"),
    INITRD("initrd", "-initrd"),
    APPEND("append", "-append"),
    SERIAL("serial", "-serial"),
    QMP("qmp", "-qmp"),
    MONITOR("monitor", "-monitor"),
    NAME("name", "-name"),
    NO_REBOOT("noReboot", "-no-reboot");

    private final String key;
    private final String option;

    Setting(String key, String option) {
        this.key = key;
        this.option = option;
    }

    /** The key in a configuration file. */
    String key() {
        return key;
    }

    /** The option on the command line. */
    String option() {
        return option;
    }

    /** Whether its value is the path of a file. */
    boolean isPath() {
        return this == KERNEL || this == INITRD;
    }

    static Optional<Setting> ofKey(String key) {
        return Arrays.stream(values()).filter(s -> s.key.equals(key)).findFirst();
    }
}
