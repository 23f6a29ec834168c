package nestor.tests;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.Map;
import nestor.tests.violations.Violations;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The rules of docs/architecture.md that neither Maven nor the module system can state. Each is run
 * twice: on the product, where it must hold, and on {@link Violations}, where it must bite.
 */
class ArchitectureTest {
    private static final JavaClasses PRODUCT =
            new ClassFileImporter()
                    .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                    .importPackages("nestor");

    private static final JavaClasses VIOLATIONS =
            new ClassFileImporter().importPackagesOf(Violations.class);

    private static final Map<String, ArchRule> RULES =
            Map.ofEntries(
                    Map.entry(
                            "only the software CPU's memory access touches Unsafe",
                            noClasses()
                                    .that()
                                    .doNotHaveFullyQualifiedName("nestor.cpu.HostMemory")
                                    .should()
                                    .dependOnClassesThat()
                                    .haveNameMatching("(?!io\\.netty\\.).*[.$]Unsafe")),
                    Map.entry(
                            "only the terminal and host-linux make native calls",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackages("nestor.cli..", "nestor.host..")
                                    .should()
                                    .dependOnClassesThat()
                                    .haveFullyQualifiedName("java.lang.foreign.Linker")),
                    Map.entry(
                            "only host-linux sees jnr",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackage("nestor.host..")
                                    .should()
                                    .dependOnClassesThat()
                                    .resideInAnyPackage("jnr..", "com.kenai..")),
                    Map.entry(
                            "only cli sees Picocli",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackage("nestor.cli..")
                                    .should()
                                    .dependOnClassesThat()
                                    .resideInAPackage("picocli..")),
                    Map.entry(
                            "only cli, control and machine see Jackson",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackages(
                                            "nestor.cli..", "nestor.control..", "nestor.machine..")
                                    .should()
                                    .dependOnClassesThat()
                                    .resideInAnyPackage("tools.jackson..", "com.fasterxml..")),
                    Map.entry(
                            "only control's sockets see Netty",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackages(
                                            "nestor.control.socket..", "nestor.control.web..")
                                    .should()
                                    .dependOnClassesThat()
                                    .resideInAPackage("io.netty..")),
                    Map.entry(
                            "nothing below cli prints",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackage("nestor.cli..")
                                    .should()
                                    .accessField(System.class, "out")
                                    .orShould()
                                    .accessField(System.class, "err")),
                    Map.entry(
                            "nothing sleeps",
                            noClasses().should().callMethod(Thread.class, "sleep", long.class)),
                    Map.entry(
                            "nothing below cli ends the process",
                            noClasses()
                                    .that()
                                    .resideOutsideOfPackage("nestor.cli..")
                                    .should()
                                    .callMethod(System.class, "exit", int.class)
                                    .orShould()
                                    .callMethod(Runtime.class, "halt", int.class)),
                    Map.entry(
                            "no static mutable state",
                            fields().that().areStatic().should().beFinal()),
                    Map.entry(
                            "no class is named by kind",
                            noClasses()
                                    .should()
                                    .haveSimpleNameEndingWith("Manager")
                                    .orShould()
                                    .haveSimpleNameEndingWith("Impl")
                                    .orShould()
                                    .haveSimpleNameEndingWith("Util")
                                    .orShould()
                                    .haveSimpleNameEndingWith("Utils")));

    @TestFactory
    java.util.stream.Stream<DynamicTest> everyRuleHoldsInTheProduct() {
        return RULES.entrySet().stream()
                .map(rule ->
                        DynamicTest.dynamicTest(
                                rule.getKey(),
                                () -> rule.getValue().because(rule.getKey()).check(PRODUCT)));
    }

    @TestFactory
    java.util.stream.Stream<DynamicTest> everyRuleBitesWhereItIsBroken() {
        return RULES.entrySet().stream()
                .map(rule ->
                        DynamicTest.dynamicTest(
                                rule.getKey(),
                                () ->
                                        assertThat(
                                                        rule.getValue()
                                                                .evaluate(VIOLATIONS)
                                                                .hasViolation())
                                                .isTrue()));
    }

    @Test
    void moduleArrowsPointDown() {
        layers().check(PRODUCT);
    }

    private static ArchRule layers() {
        return layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .layer("vmm-core")
                .definedBy("nestor.vmm..")
                .layer("paging")
                .definedBy("nestor.paging..")
                .layer("pci-bus")
                .definedBy("nestor.pci..")
                .layer("atc")
                .definedBy("nestor.atc..")
                .layer("iommu-core")
                .definedBy("nestor.iommu..")
                .layer("testkit")
                .definedBy("nestor.testkit..")
                .layer("vsmmuv3")
                .definedBy("nestor.smmuv3..")
                .layer("vvtd")
                .definedBy("nestor.vtd..")
                .layer("virtio")
                .definedBy("nestor.virtio")
                .layer("virtio-iommu-device")
                .definedBy("nestor.virtio.iommu..")
                .layer("endpoints")
                .definedBy("nestor.endpoints..")
                .layer("cpu")
                .definedBy("nestor.cpu")
                .layer("cpu-arm64")
                .definedBy("nestor.cpu.arm64..")
                .layer("cpu-x86")
                .definedBy("nestor.cpu.x86..")
                .layer("iommufd")
                .definedBy("nestor.iommufd..")
                .layer("host-sim")
                .definedBy("nestor.hostsim..")
                .layer("host-suite")
                .definedBy("nestor.hostsuite..")
                .layer("host-linux")
                .definedBy("nestor.host..")
                .layer("machine")
                .definedBy("nestor.machine..")
                .layer("trace")
                .definedBy("nestor.trace..")
                .layer("control")
                .definedBy("nestor.control..")
                .layer("guest-images")
                .definedBy("nestor.guest..")
                .layer("debug")
                .definedBy("nestor.debug..")
                .layer("cli")
                .definedBy("nestor.cli..")
                .whereLayer("cli")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("control")
                .mayOnlyBeAccessedByLayers("cli")
                .whereLayer("trace")
                .mayOnlyBeAccessedByLayers("control", "cli")
                .whereLayer("debug")
                .mayOnlyBeAccessedByLayers("cli")
                .whereLayer("machine")
                .mayOnlyBeAccessedByLayers("control", "debug", "cli")
                .whereLayer("guest-images")
                .mayOnlyBeAccessedByLayers("cli")
                .whereLayer("host-linux")
                .mayOnlyBeAccessedByLayers("machine", "cli")
                .whereLayer("cpu-arm64")
                .mayOnlyBeAccessedByLayers("machine")
                .whereLayer("cpu-x86")
                .mayOnlyBeAccessedByLayers("machine")
                .whereLayer("cpu")
                .mayOnlyBeAccessedByLayers("cpu-arm64", "cpu-x86", "machine")
                .whereLayer("virtio-iommu-device")
                .mayOnlyBeAccessedByLayers("machine", "control", "cli")
                .whereLayer("vsmmuv3")
                .mayOnlyBeAccessedByLayers("machine")
                .whereLayer("vvtd")
                .mayOnlyBeAccessedByLayers("machine")
                .whereLayer("endpoints")
                .mayOnlyBeAccessedByLayers("machine")
                .whereLayer("testkit")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("atc")
                .mayOnlyBeAccessedByLayers("endpoints", "testkit", "machine", "control", "cli")
                .whereLayer("iommu-core")
                .mayOnlyBeAccessedByLayers(
                        "vsmmuv3",
                        "vvtd",
                        "virtio-iommu-device",
                        "testkit",
                        "iommufd",
                        "host-suite",
                        "host-sim",
                        "host-linux",
                        "machine",
                        "control",
                        "cli")
                .whereLayer("iommufd")
                .mayOnlyBeAccessedByLayers(
                        "host-suite", "host-sim", "host-linux", "testkit", "machine")
                .whereLayer("host-suite")
                .mayOnlyBeAccessedByLayers("cli")
                .whereLayer("host-sim")
                .mayOnlyBeAccessedByLayers("testkit")
                .whereLayer("virtio")
                .mayOnlyBeAccessedByLayers("virtio-iommu-device", "endpoints", "machine", "control")
                .whereLayer("paging")
                .mayOnlyBeAccessedByLayers(
                        "iommu-core",
                        "vsmmuv3",
                        "vvtd",
                        "virtio-iommu-device",
                        "testkit",
                        "host-sim",
                        "cpu",
                        "cpu-arm64",
                        "cpu-x86");
    }
}
