/** A software x86-64 CPU. */
@org.jspecify.annotations.NullMarked
module nestor.cpu.x86 {
    requires transitive nestor.cpu;

    exports nestor.cpu.x86;
}
