/** Debuggers and test programs that look at a machine from outside. */
@org.jspecify.annotations.NullMarked
module nestor.debug {
    requires transitive nestor.machine;

    exports nestor.debug;
    exports nestor.debug.gdb;
    exports nestor.debug.qtest;
}
