package nestor.cli;

import java.util.List;

/** The ways in which the bare-metal suite has VT-d units built. */
final class VtdRuns {
    private static final String UNIT = "intel-iommu,";

    /** Without what needs scalable mode. */
    private static final String LEGACY = "device-iotlb=on,posted-interrupts=on";

    /** All but page requests, which need device TLBs. */
    private static final String UNASKED =
            "scalable-mode=on,fsts=on,nesting=on,svm=on,srs=on,ers=on,fs5lp=on";

    private static final String ASKED = UNASKED + ",device-iotlb=on,pri=on";
    private static final String WHOLE = ASKED + ",posted-interrupts=on";

    /** Behind functions that answer no invalidation, in good time. */
    private static final String IMPATIENT = ",atc-timeout=1000";

    private static final List<String> DEMO = List.of("svm-demo");

    /** In order. */
    static final List<BareSuite.Run> ALL =
            List.of(
                    new BareSuite.Run(
                            "whole", UNIT + WHOLE + IMPATIENT, DEMO, "atc-timeout"),
                    run("legacy", LEGACY),
                    run("caching-mode", WHOLE + ",caching-mode=on"),
                    run("five-level", WHOLE + ",aw-bits=57,haw=52"),
                    run("no-ats", UNASKED),
                    run("no-pri", UNASKED + ",device-iotlb=on"),
                    run("no-pasid", "scalable-mode=on,fsts=on,nesting=on,device-iotlb=on,pri=on"),
                    run("first-stage", "scalable-mode=on,fsts=on,ssts=off,svm=on,device-iotlb=on"),
                    run("second-stage", "scalable-mode=on,svm=on,device-iotlb=on,pri=on,ssads=off"),
                    run(
                            "narrow",
                            "scalable-mode=on,fsts=on,svm=on,pasid-bits=16,haw=40,pt=off,fs1gp=off,"
                                    + "snoop-control=off,eim=off,device-iotlb=on"),
                    run("no-remapping", ASKED + ",intremap=off"),
                    twoUnits());

    private VtdRuns() {}

    private static BareSuite.Run run(String name, String properties) {
        return new BareSuite.Run(name, UNIT + properties, DEMO, "");
    }

    /** The second one has a root bus of its own, with a test function. */
    private static BareSuite.Run twoUnits() {
        return new BareSuite.Run(
                "two-units",
                UNIT + WHOLE,
                List.of(
                        "svm-demo",
                        "pxb-pcie,id=other,bus_nr=128",
                        UNIT + WHOLE + ",primary-bus=other",
                        "iommu-testdev,bus=other"),
                "");
    }
}
