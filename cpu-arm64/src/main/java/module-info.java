/** A software A64 CPU. */
@org.jspecify.annotations.NullMarked
module nestor.cpu.arm64 {
    requires transitive nestor.cpu;

    exports nestor.cpu.arm64;
}
