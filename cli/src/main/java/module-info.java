/** The command line. */
@org.jspecify.annotations.NullMarked
module nestor.cli {
    requires nestor.machine;
    requires nestor.guest;
}
