/** What every software CPU shares. */
@org.jspecify.annotations.NullMarked
module nestor.cpu {
    requires transitive nestor.paging;
    requires jdk.unsupported;

    exports nestor.cpu;
}
