/** The command line. */
@org.jspecify.annotations.NullMarked
module nestor.cli {
    requires nestor.control;
    requires nestor.machine;
    requires nestor.debug;
    requires nestor.guest;
    requires nestor.host;
    requires nestor.hostsuite;
    requires nestor.trace;
    requires info.picocli;
    requires tools.jackson.databind;
    requires tools.jackson.dataformat.yaml;
    requires jdk.unsupported;
    requires static org.jspecify;

    opens nestor.cli to
            info.picocli;
}
