package nestor.testkit;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.ModelDriver.Fault;
import nestor.testkit.ModelDriver.QueuedRequest;

/**
 * What must hold of every IOMMU model, written once: each scenario takes the driver of a fresh
 * model, and throws an {@link AssertionError} where the model is wrong.
 */
public final class ModelScenarios {
    private static final int PASID = 5;
    private static final int OTHER_PASID = 6;
    private static final long PAGE = 0x12_3000;
    private static final long GPA = 0x9000;
    private static final long OTHER_GPA = 0xa000;

    /** Longer than any model waits for a function. */
    private static final long TOO_LONG_NANOS = 200_000_000_000L;

    private ModelScenarios() {}

    /** Every scenario by its name. */
    public static Map<String, Consumer<ModelDriver>> all() {
        Map<String, Consumer<ModelDriver>> all = new LinkedHashMap<>();
        all.put("aMappedPageIsTranslated", ModelScenarios::aMappedPageIsTranslated);
        all.put("eachPasidHasItsOwnPages", ModelScenarios::eachPasidHasItsOwnPages);
        all.put("whatIsNotMappedIsAFault", ModelScenarios::whatIsNotMappedIsAFault);
        all.put("whatIsReadOnlyIsNotWritten", ModelScenarios::whatIsReadOnlyIsNotWritten);
        all.put("aPasidThatIsNotBoundIsAFault", ModelScenarios::aPasidThatIsNotBoundIsAFault);
        all.put("anUnmappedPageIsGone", ModelScenarios::anUnmappedPageIsGone);
        all.put("anUnboundPasidIsGone", ModelScenarios::anUnboundPasidIsGone);
        all.put("aSyncWaitsForDma", ModelScenarios::aSyncWaitsForDma);
        all.put("aSyncWaitsForTheFunction", ModelScenarios::aSyncWaitsForTheFunction);
        all.put("aFunctionThatDoesNotAnswer", ModelScenarios::aFunctionThatDoesNotAnswer);
        all.put("aPageIsRequestedAndGranted", ModelScenarios::aPageIsRequestedAndGranted);
        all.put("translationRequestsAreAnswered", ModelScenarios::translationRequestsAreAnswered);
        return all;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    private static Requester requester(ModelDriver driver, int pasid) {
        return new Requester(driver.rid(), pasid, false);
    }

    private static Translation access(ModelDriver driver, int pasid, long address, int access) {
        return driver.agent()
                .translate(requester(driver, pasid), AddressType.UNTRANSLATED, address, access);
    }

    private static void expectGpa(ModelDriver driver, int pasid, long address, long gpa) {
        Translation seen = access(driver, pasid, address, Translation.READ);
        check(
                seen instanceof Translation.Mapping mapping && mapping.gpa(address) == gpa,
                "0x%x of PASID %d: expected 0x%x, but %s".formatted(address, pasid, gpa, seen));
    }

    private static void expectFault(ModelDriver driver, int pasid, int access, Fault.Kind kind) {
        Translation seen = access(driver, pasid, PAGE, access);
        check(seen instanceof Translation.Rejected, "expected no translation, but " + seen);
        Fault fault = driver.takeFault().orElseThrow(() -> new AssertionError("no fault recorded"));
        check(
                fault.kind() == kind
                        && fault.rid() == driver.rid()
                        && fault.pasid() == pasid
                        && (kind == Fault.Kind.NO_CONTEXT || fault.page() == PAGE),
                "expected %s of PASID %d, but %s".formatted(kind, pasid, fault));
        check(driver.takeFault().isEmpty(), "more than one fault");
    }

    private static void expectNoFault(ModelDriver driver) {
        driver.takeFault()
                .ifPresent(fault -> {
                    throw new AssertionError("recorded " + fault);
                });
    }

    private static void aMappedPageIsTranslated(ModelDriver driver) {
        driver.bind(PASID);
        driver.map(PASID, PAGE, GPA, true);
        expectGpa(driver, PASID, PAGE + 0x567, GPA + 0x567);
        check(
                access(driver, PASID, PAGE, Translation.WRITE) instanceof Translation.Mapping,
                "a writable page can be written");
        expectNoFault(driver);
    }

    private static void eachPasidHasItsOwnPages(ModelDriver driver) {
        driver.bind(PASID);
        driver.bind(OTHER_PASID);
        driver.map(PASID, PAGE, GPA, true);
        driver.map(OTHER_PASID, PAGE, OTHER_GPA, true);
        for (int round = 0; round < 2; round++) {
            expectGpa(driver, PASID, PAGE, GPA);
            expectGpa(driver, OTHER_PASID, PAGE, OTHER_GPA);
        }
    }

    private static void whatIsNotMappedIsAFault(ModelDriver driver) {
        driver.bind(PASID);
        expectFault(driver, PASID, Translation.READ, Fault.Kind.NOT_MAPPED);
        driver.map(PASID, PAGE, GPA, true);
        expectGpa(driver, PASID, PAGE, GPA); // a fault is not cached
    }

    private static void whatIsReadOnlyIsNotWritten(ModelDriver driver) {
        driver.bind(PASID);
        driver.map(PASID, PAGE, GPA, false);
        expectFault(driver, PASID, Translation.WRITE, Fault.Kind.NOT_PERMITTED);
        expectGpa(driver, PASID, PAGE, GPA);
        expectFault(driver, PASID, Translation.WRITE, Fault.Kind.NOT_PERMITTED);
    }

    private static void aPasidThatIsNotBoundIsAFault(ModelDriver driver) {
        driver.bind(PASID);
        expectFault(driver, OTHER_PASID, Translation.READ, Fault.Kind.NO_CONTEXT);
    }

    private static void synchronize(ModelDriver driver) {
        driver.acknowledge();
        check(driver.isSynchronized(), "the sync has not completed");
    }

    private static void anUnmappedPageIsGone(ModelDriver driver) {
        driver.bind(PASID);
        driver.map(PASID, PAGE, GPA, true);
        driver.map(PASID, PAGE + 0x1000, OTHER_GPA, true);
        expectGpa(driver, PASID, PAGE, GPA);
        expectGpa(driver, PASID, PAGE + 0x1000, OTHER_GPA);
        driver.unmap(PASID, PAGE);
        driver.invalidate(PASID, PAGE);
        synchronize(driver);
        expectFault(driver, PASID, Translation.READ, Fault.Kind.NOT_MAPPED);
        expectGpa(driver, PASID, PAGE + 0x1000, OTHER_GPA);
        driver.map(PASID, PAGE, OTHER_GPA, true);
        expectGpa(driver, PASID, PAGE, OTHER_GPA);
    }

    private static void anUnboundPasidIsGone(ModelDriver driver) {
        driver.bind(PASID);
        driver.map(PASID, PAGE, GPA, true);
        expectGpa(driver, PASID, PAGE, GPA);
        driver.clear(PASID);
        driver.invalidateContext(PASID);
        synchronize(driver);
        expectFault(driver, PASID, Translation.READ, Fault.Kind.NO_CONTEXT);
    }

    private static void aSyncWaitsForDma(ModelDriver driver) {
        driver.bind(PASID);
        long ticket = driver.agent().enterDma();
        driver.invalidate(PASID, PAGE);
        driver.acknowledge();
        check(!driver.isSynchronized(), "a DMA is under way");
        long later = driver.agent().enterDma();
        driver.agent().exitDma(ticket);
        driver.settle();
        check(driver.isSynchronized(), "only DMA that came before counts");
        driver.agent().exitDma(later);
    }

    private static void aSyncWaitsForTheFunction(ModelDriver driver) {
        driver.bind(PASID);
        driver.invalidate(PASID, PAGE);
        check(!driver.isSynchronized(), "the function has not acknowledged");
        synchronize(driver);
        check(!driver.hasTimedOut(), "nothing was late");
    }

    private static void aFunctionThatDoesNotAnswer(ModelDriver driver) {
        driver.bind(PASID);
        driver.invalidate(PASID, PAGE);
        driver.advance(TOO_LONG_NANOS);
        check(driver.hasTimedOut(), "the function was late");
        check(!driver.isSynchronized(), "a sync that failed did not complete");
    }

    private static void aPageIsRequestedAndGranted(ModelDriver driver) {
        driver.bind(PASID);
        var request = new PageRequest(requester(driver, PASID), PAGE, Translation.READ, 9, true);
        check(
                driver.agent().requestPage(request) == CompletionStatus.SUCCESSFUL,
                "page requests are taken");
        QueuedRequest queued =
                driver.takePageRequest()
                        .orElseThrow(() -> new AssertionError("no page request queued"));
        check(
                queued.equals(new QueuedRequest(driver.rid(), PASID, PAGE, 9, true)),
                "queued " + queued);
        driver.respond(queued, PageResponse.SUCCESS);
        check(
                driver.response()
                        .equals(
                                Optional.of(
                                        new PageResponse(
                                                driver.rid(), PASID, 9, PageResponse.SUCCESS))),
                "answered " + driver.response());
    }

    private static void translationRequestsAreAnswered(ModelDriver driver) {
        driver.bind(PASID);
        var request = new AtsRequest(requester(driver, PASID), PAGE, 1, 12, false, false);
        check(permissions(driver, request) == 0, "nothing is mapped");
        expectNoFault(driver);
        driver.map(PASID, PAGE, GPA, false);
        check(permissions(driver, request) == Translation.READ, "a read-only page");
        Translation translated =
                driver.agent()
                        .translate(
                                requester(driver, PASID),
                                AddressType.TRANSLATED,
                                GPA,
                                Translation.READ);
        check(
                translated instanceof Translation.Mapping mapping && mapping.gpa(GPA) == GPA,
                "a translated request passes");
        expectNoFault(driver);
    }

    private static int permissions(ModelDriver driver, AtsRequest request) {
        AtsCompletion completion = driver.agent().requestTranslation(request);
        if (!(completion instanceof AtsCompletion.Entries entries)) {
            throw new AssertionError("answered " + completion);
        }
        return entries.entries().getFirst().access();
    }
}
