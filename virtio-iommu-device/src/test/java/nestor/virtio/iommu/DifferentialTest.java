package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.BYPASS;
import static nestor.virtio.iommu.IommuHarness.ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.OTHER_ENDPOINT;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import nestor.iommu.IovaRange;
import nestor.iommu.walk.WalkOutcome;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.virtio.testkit.TestMachine;
import org.junit.jupiter.api.Test;

/** Random requests against a model that keeps one map entry a page and never caches. */
class DifferentialTest {
    private static final long PAGE = 4096;
    private static final int PAGES = 24;
    private static final int MAX_DOMAINS = 2;
    private static final int MAX_MAPPINGS = 12;

    private record Page(long phys, int access, int mapping) {}

    private static final class NaiveDomain {
        final boolean bypass;
        final Map<Long, Page> pages = new TreeMap<>();
        final Set<Integer> endpoints = new HashSet<>();

        NaiveDomain(boolean bypass) {
            this.bypass = bypass;
        }

        long mappings() {
            return pages.values().stream().map(Page::mapping).distinct().count();
        }
    }

    private static final class Naive {
        final Map<Integer, NaiveDomain> domains = new HashMap<>();
        int nextMapping;

        int attach(int domain, int endpoint, boolean bypass) {
            NaiveDomain existing = domains.get(domain);
            if (existing == null && domains.size() >= MAX_DOMAINS) {
                return 8;
            }
            if (existing != null && existing.bypass != bypass) {
                return 4;
            }
            if (existing != null && existing.endpoints.contains(endpoint)) {
                return 0;
            }
            domains.values().forEach(d -> d.endpoints.remove(endpoint));
            domains.computeIfAbsent(domain, _ -> new NaiveDomain(bypass)).endpoints.add(endpoint);
            domains.values().removeIf(d -> d.endpoints.isEmpty());
            return 0;
        }

        int detach(int domain, int endpoint) {
            NaiveDomain existing = domains.get(domain);
            if (existing == null || !existing.endpoints.remove(endpoint)) {
                return 4;
            }
            domains.values().removeIf(d -> d.endpoints.isEmpty());
            return 0;
        }

        int map(int domain, long first, long count, long phys, int access) {
            NaiveDomain existing = domains.get(domain);
            if (existing == null) {
                return 6;
            }
            if (existing.bypass) {
                return 4;
            }
            if (domains.values().stream().mapToLong(NaiveDomain::mappings).sum() >= MAX_MAPPINGS) {
                return 8;
            }
            for (long page = first; page < first + count; page++) {
                if (existing.pages.containsKey(page)) {
                    return 4;
                }
            }
            nextMapping++;
            for (long i = 0; i < count; i++) {
                existing.pages.put(first + i, new Page(phys + i * PAGE, access, nextMapping));
            }
            return 0;
        }

        int unmap(int domain, long first, long count) {
            NaiveDomain existing = domains.get(domain);
            if (existing == null) {
                return 6;
            }
            if (existing.bypass) {
                return 4;
            }
            Set<Integer> inside = new HashSet<>();
            Set<Integer> outside = new HashSet<>();
            existing.pages.forEach((page, mapped) ->
                    (page >= first && page < first + count ? inside : outside)
                            .add(mapped.mapping()));
            if (inside.stream().anyMatch(outside::contains)) {
                return 5;
            }
            existing.pages.values().removeIf(page -> inside.contains(page.mapping()));
            return 0;
        }

        long translate(int endpoint, long iova, int access) {
            for (NaiveDomain domain : domains.values()) {
                if (domain.endpoints.contains(endpoint)) {
                    if (domain.bypass) {
                        return iova;
                    }
                    Page page = domain.pages.get(iova / PAGE);
                    return page == null || (access & ~page.access()) != 0
                            ? -1
                            : page.phys() + iova % PAGE;
                }
            }
            return -1;
        }
    }

    private static long gpa(WalkOutcome outcome, long iova) {
        return switch (outcome) {
            case WalkOutcome.Mapped mapped -> mapped.output();
            case WalkOutcome.Untranslated _ -> iova;
            case WalkOutcome.Refused refused -> {
                assertThat(refused.fault()).startsWith("VIRTIO_IOMMU_FAULT_R_");
                yield -1;
            }
        };
    }

    @Test
    void everySequenceOfRequestsAgreesWithTheNaiveModel() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("DifferentialTest seed " + seed);
        var random = new SplittableRandom(seed);
        var iommu =
                new IommuHarness(
                        new VirtioIommuConfig(
                                -PAGE,
                                IovaRange.ALL,
                                0,
                                9,
                                java.util.List.of(),
                                false,
                                new VirtioIommuConfig.Limits(MAX_DOMAINS, MAX_MAPPINGS)));
        var naive = new Naive();
        for (int step = 0; step < 20_000; step++) {
            int domain = random.nextInt(3);
            int endpoint = random.nextBoolean() ? ENDPOINT : OTHER_ENDPOINT;
            long first = random.nextInt(PAGES);
            long count = 1L + random.nextInt(random.nextBoolean() ? 2 : PAGES);
            long last = (first + count) * PAGE - 1;
            String what = "step " + step;
            switch (random.nextInt(20)) {
                case 0 -> {
                    boolean bypass = random.nextInt(4) == 0;
                    assertThat(iommu.attach(domain, endpoint, bypass ? BYPASS : 0))
                            .describedAs(what)
                            .isEqualTo(naive.attach(domain, endpoint, bypass));
                }
                case 1 ->
                        assertThat(iommu.detach(domain, endpoint))
                                .describedAs(what)
                                .isEqualTo(naive.detach(domain, endpoint));
                case 2, 3, 4, 5, 6, 7, 8, 9 -> {
                    long phys = TestMachine.RAM + random.nextInt(1000) * PAGE;
                    int access = random.nextInt(4);
                    assertThat(iommu.map(domain, first * PAGE, last, phys, access))
                            .describedAs(what)
                            .isEqualTo(naive.map(domain, first, count, phys, access));
                }
                default ->
                        assertThat(iommu.unmap(domain, first * PAGE, last))
                                .describedAs(what)
                                .isEqualTo(naive.unmap(domain, first, count));
            }
            for (int probe = 0; probe < 8; probe++) {
                long iova = random.nextLong((PAGES + 4) * PAGE);
                int access = 1 + random.nextInt(3);
                WalkOutcome foretold =
                        iommu.iommu
                                .explore(Requester.withoutPasid(endpoint), iova, access)
                                .outcome();
                Translation answer =
                        iommu.iommu.translate(
                                Requester.withoutPasid(endpoint),
                                AddressType.UNTRANSLATED,
                                iova,
                                access);
                long gpa = answer instanceof Translation.Mapping m ? m.gpa(iova) : -1;
                assertThat(gpa)
                        .describedAs("%s: endpoint %x iova %x", what, endpoint, iova)
                        .isEqualTo(naive.translate(endpoint, iova, access));
                assertThat(gpa(foretold, iova)).describedAs("%s: explored", what).isEqualTo(gpa);
            }
        }
    }
}
