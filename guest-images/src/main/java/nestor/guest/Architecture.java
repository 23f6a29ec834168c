package nestor.guest;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * What programs for a kind of guest CPU are compiled with.
 *
 * @param name of the folder of the bare-metal kit that is about it
 * @param triplet what the distribution's compiler for it is called by
 * @param host what Java calls a machine with that CPU
 * @param packages the compiler for machines with another CPU, and the C library's headers for
 *     programs that run under an operating system
 * @param flatImage whether a kernel is loaded as it lies in memory, not as an ELF file
 * @param flags for code without an operating system
 */
record Architecture(
        String name,
        String triplet,
        String host,
        List<String> packages,
        boolean flatImage,
        List<String> flags) {
    /** Unaligned accesses are none as long as the MMU is off. */
    static final Architecture ARM64 =
            new Architecture(
                    "arm64",
                    "aarch64-linux-gnu",
                    "aarch64",
                    List.of("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
                    true,
                    List.of("-mstrict-align"));

    /** Interrupts use the stack of what they interrupt. */
    static final Architecture X86_64 =
            new Architecture(
                    "x86_64",
                    "x86_64-linux-gnu",
                    "amd64",
                    List.of("gcc-x86-64-linux-gnu", "libc6-dev-amd64-cross"),
                    false,
                    List.of("-m64", "-mno-red-zone"));

    /** By Debian's name. */
    static Architecture ofDebian(String name) {
        return switch (name) {
            case "arm64" -> ARM64;
            case "amd64" -> X86_64;
            default -> throw new IllegalArgumentException("no compiler for " + name);
        };
    }

    /**
     * This machine's.
     *
     * @param machine as {@code os.arch} names it
     */
    static Architecture ofMachine(String machine) throws ImageException {
        return Stream.of(ARM64, X86_64)
                .filter(architecture -> architecture.host.equals(machine))
                .findFirst()
                .orElseThrow(() ->
                        new ImageException("modules are not built on machines of " + machine));
    }

    /** What {@link #ofDebian} takes. */
    String debianName() {
        return equals(ARM64) ? "arm64" : "amd64";
    }

    /** What Linux's makefiles call it. */
    String linuxName() {
        return equals(ARM64) ? "arm64" : "x86";
    }

    /**
     * The packages of the compiler and of the C library's headers.
     *
     * @param machine as {@code os.arch} names it
     */
    List<String> packagesOn(String machine) {
        return machine.equals(host) ? List.of("gcc", "libc6-dev") : packages;
    }

    /** The C compiler. */
    String compiler() {
        return triplet + "-gcc";
    }

    /** Comes with the compiler. */
    String objcopy() {
        return triplet + "-objcopy";
    }

    /**
     * Freestanding, no registers but the general ones, and everything in the order in which it is
     * written.
     */
    List<String> freestanding() {
        List<String> all =
                new ArrayList<>(
                        List.of(
                                "-std=gnu11",
                                "-O2",
                                "-Wall",
                                "-Wextra",
                                "-ffreestanding",
                                "-fno-stack-protector",
                                "-fno-pic",
                                "-fno-toplevel-reorder",
                                "-fno-tree-loop-distribute-patterns",
                                "-fno-asynchronous-unwind-tables",
                                "-mgeneral-regs-only",
                                "-nostdlib",
                                "-static",
                                "-no-pie",
                                "-Wl,--build-id=none",
                                "-Wl,-z,max-page-size=4096",
                                "-I" + name));
        all.addAll(flags);
        return all;
    }
}
