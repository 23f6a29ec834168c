package nestor.machine;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.IntPredicate;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.mmio.MmioRegion;

/**
 * An IOMMU as software has programmed it, at one moment: for people.
 *
 * @param driver {@code arm-smmuv3}, {@code intel-iommu} or {@code virtio-iommu-pci}
 * @param enabled whether it translates
 * @param translates whether it translates the requests of a function, by its RID
 * @param registers by the specification's names; none of a virtio-iommu
 * @param counters of what it has done, where somebody counts
 */
public record IommuState(
        String name,
        String driver,
        boolean enabled,
        IntPredicate translates,
        SequencedMap<String, Long> registers,
        SequencedMap<String, Long> counters) {
    /** A register that reading does not change. */
    private record Field(String name, int offset, int sizeBytes) {}

    /** IHI 0070, §6.3. */
    private static final List<Field> SMMU =
            List.of(
                    new Field("IDR0", 0x000, 4),
                    new Field("IDR1", 0x004, 4),
                    new Field("IDR3", 0x00c, 4),
                    new Field("IDR5", 0x014, 4),
                    new Field("CR0", 0x020, 4),
                    new Field("CR0ACK", 0x024, 4),
                    new Field("GBPA", 0x044, 4),
                    new Field("IRQ_CTRL", 0x050, 4),
                    new Field("GERROR", 0x060, 4),
                    new Field("GERRORN", 0x064, 4),
                    new Field("STRTAB_BASE", 0x080, 8),
                    new Field("STRTAB_BASE_CFG", 0x088, 4),
                    new Field("CMDQ_BASE", 0x090, 8),
                    new Field("CMDQ_PROD", 0x098, 4),
                    new Field("CMDQ_CONS", 0x09c, 4),
                    new Field("EVENTQ_BASE", 0x0a0, 8),
                    new Field("EVENTQ_PROD", 0x1_00a8, 4),
                    new Field("EVENTQ_CONS", 0x1_00ac, 4),
                    new Field("PRIQ_BASE", 0x0c0, 8),
                    new Field("PRIQ_PROD", 0x1_00c8, 4),
                    new Field("PRIQ_CONS", 0x1_00cc, 4));

    private static final String SMMU_CONTROL = "CR0";
    private static final int SMMUEN = 1;

    /** Intel VT-d specification, §11.4. */
    private static final List<Field> VTD =
            List.of(
                    new Field("VER_REG", 0x00, 4),
                    new Field("CAP_REG", 0x08, 8),
                    new Field("ECAP_REG", 0x10, 8),
                    new Field("GSTS_REG", 0x1c, 4),
                    new Field("RTADDR_REG", 0x20, 8),
                    new Field("FSTS_REG", 0x34, 4),
                    new Field("FECTL_REG", 0x38, 4),
                    new Field("IQH_REG", 0x80, 8),
                    new Field("IQT_REG", 0x88, 8),
                    new Field("IQA_REG", 0x90, 8),
                    new Field("ICS_REG", 0x9c, 4),
                    new Field("IRTA_REG", 0xb8, 8),
                    new Field("PQH_REG", 0xc0, 8),
                    new Field("PQT_REG", 0xc8, 8),
                    new Field("PQA_REG", 0xd0, 8),
                    new Field("PRS_REG", 0xdc, 4));

    private static final String VTD_STATUS = "GSTS_REG";
    private static final long TES = 1L << 31;

    public IommuState {
        registers = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(registers));
        counters = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(counters));
    }

    static IommuState ofSmmu(String name, IntPredicate translates, MmioRegion frame) {
        SequencedMap<String, Long> registers = read(frame, SMMU);
        boolean enabled = (registers.getOrDefault(SMMU_CONTROL, 0L) & SMMUEN) != 0;
        return new IommuState(
                name, SmmuUnits.DRIVER, enabled, translates, registers, new LinkedHashMap<>());
    }

    static IommuState ofVtd(String name, IntPredicate translates, MmioRegion frame) {
        SequencedMap<String, Long> registers = read(frame, VTD);
        boolean enabled = (registers.getOrDefault(VTD_STATUS, 0L) & TES) != 0;
        return new IommuState(
                name, RemappingUnits.DRIVER, enabled, translates, registers, new LinkedHashMap<>());
    }

    /** One that has been attached to is in use; there is no switch. */
    static IommuState ofVirtio(
            String name, IntPredicate translates, VirtioIommuStatistics statistics) {
        SequencedMap<String, Long> counters = new LinkedHashMap<>();
        counters.put("attaches", statistics.attaches());
        counters.put("maps", statistics.maps());
        counters.put("unmaps", statistics.unmaps());
        counters.put("invalidations", statistics.invalidations());
        counters.put("page-requests", statistics.pageRequests());
        counters.put("page-responses", statistics.pageResponses());
        return new IommuState(
                name,
                "virtio-iommu-pci",
                statistics.attaches() > 0,
                translates,
                new LinkedHashMap<>(),
                counters);
    }

    private static SequencedMap<String, Long> read(MmioRegion frame, List<Field> fields) {
        SequencedMap<String, Long> registers = new LinkedHashMap<>();
        for (Field field : fields) {
            registers.put(field.name, frame.read(field.offset, field.sizeBytes));
        }
        return registers;
    }
}
