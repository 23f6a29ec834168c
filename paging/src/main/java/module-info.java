/** Page-table formats as data, and the one walker over them. */
@org.jspecify.annotations.NullMarked
module nestor.paging {
    requires transitive nestor.vmm;

    exports nestor.paging;
}
