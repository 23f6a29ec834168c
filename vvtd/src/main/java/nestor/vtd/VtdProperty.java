package nestor.vtd;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What can be set of a unit, as data. Names are QEMU's where it has the property; the aliases are
 * its older spellings. The defaults are QEMU's too.
 */
public enum VtdProperty {
    SCALABLE_MODE("scalable-mode", 0, "ECAP.SMTS", "x-scalable-mode"),
    FIRST_STAGE("fsts", 0, "ECAP.FSTS", "x-flts flts x-fls"),
    SECOND_STAGE("ssts", 1, "ECAP.SSTS, in scalable mode", "slts"),
    NESTED("nesting", 0, "ECAP.NEST", "nest"),
    FIVE_LEVEL("fs5lp", 0, "CAP.FS5LP: first-stage tables of five levels", "x-fs5lp"),
    GIGABYTE_PAGES("fs1gp", 1, "CAP.FS1GP: first-stage pages of 1 GiB", "x-cap-fs1gp"),
    SVM("svm", 0, "ECAP.PASID", "x-pasid-mode x-pasid"),
    PASID_BITS("pasid-bits", 20, "ECAP.PSS plus one: 6 to 20", "pasid-width"),
    DEVICE_IOTLB("device-iotlb", 0, "ECAP.DT: ATS", "device-tlb"),
    PRI("pri", 0, "ECAP.PRS: page requests", "x-pri page-requests"),
    DRAIN("pds", 1, "ECAP.PDS: waits that drain page requests; none without pri"),
    PRIVATE_DATA("private-data", 0, "private data in page requests, as units before 4.0"),
    CACHING_MODE("caching-mode", 0, "CAP.CM"),
    INTERRUPT_REMAPPING("intremap", 1, "ECAP.IR"),
    EXTENDED_INTERRUPT_MODE("eim", 1, "ECAP.EIM: x2APIC destinations"),
    POSTED_INTERRUPTS("posted-interrupts", 0, "CAP.PI"),
    PASS_THROUGH("pt", 1, "ECAP.PT", "pass-through"),
    SNOOP_CONTROL("snoop-control", 1, "ECAP.SC"),
    ACCESS_DIRTY("ssads", 1, "ECAP.SSADS: second-stage accessed and dirty bits"),
    SUPERVISOR_REQUESTS("srs", 0, "ECAP.SRS: privileged requests with PASID"),
    EXECUTE_REQUESTS("ers", 0, "ECAP.ERS: execute requests with PASID"),
    ADDRESS_BITS("aw-bits", 48, "CAP.MGAW plus one: 39, 48 or 57", "x-aw-bits"),
    HOST_BITS("haw", 48, "host address width: 36 to 52"),
    ATC_TIMEOUT(
            "atc-timeout", 60_000, "milliseconds that a function has to answer an invalidation");

    private final String title;
    private final int defaultValue;
    private final String help;

    /** Parted by blanks. */
    private final String aliases;

    VtdProperty(String title, int defaultValue, String help) {
        this(title, defaultValue, help, "");
    }

    VtdProperty(String title, int defaultValue, String help, String aliases) {
        this.title = title;
        this.defaultValue = defaultValue;
        this.help = help;
        this.aliases = aliases;
    }

    /** Its name on a command line. */
    public String title() {
        return title;
    }

    /** One line about it. */
    public String help() {
        return help;
    }

    /** Further names it answers to. */
    public List<String> aliases() {
        return aliases.isEmpty() ? List.of() : List.of(aliases.split(" ", -1));
    }

    /** The value without a word from the user; of a switch, 0 is off and 1 is on. */
    public int defaultValue() {
        return defaultValue;
    }

    /** Whether it is {@code on} or {@code off}, rather than a number. */
    public boolean isSwitch() {
        return switch (this) {
            case PASID_BITS, ADDRESS_BITS, HOST_BITS, ATC_TIMEOUT -> false;
            default -> true;
        };
    }

    /** The property of that name or alias. */
    public static Optional<VtdProperty> named(String name) {
        return Stream.of(values())
                .filter(property ->
                        property.title.equals(name) || property.aliases().contains(name))
                .findFirst();
    }
}
