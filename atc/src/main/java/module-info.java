/** The device side of ATS and PRI. */
@org.jspecify.annotations.NullMarked
module nestor.atc {
    requires transitive nestor.pci;

    exports nestor.atc;
}
