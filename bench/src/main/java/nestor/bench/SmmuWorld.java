package nestor.bench;

import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.pci.AtsOptions;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.smmuv3.SmmuV3;
import nestor.smmuv3.SmmuV3Options;
import nestor.testkit.PageTables;
import nestor.testkit.TablePages;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.ManualClock;

/** A function with ATS behind an SMMUv3, as a driver has set both up: 4 KiB pages, 48 bits. */
final class SmmuWorld {
    static final long IOVA = 0x7f12_3400_0000L;

    private static final long RAM_BYTES = 64L << 20;
    private static final long ECAM = 0x40_1000_0000L;
    private static final int RID = 3 << 3;
    private static final long STREAM_TABLE = 0x1_0000;
    private static final long CONTEXT = 0x5_0000;
    private static final int COMMAND = 0x04;
    private static final int ATS_CONTROL = 0x106;
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;

    final GuestMemory memory = GuestMemory.anonymous(0, RAM_BYTES);
    final SmmuV3 smmu;
    final PciFunction function;

    /** Which stages translate. */
    enum Stages {
        STAGE_1,
        NESTED
    }

    /**
     * @param pages mapped from {@link #IOVA} on, all to one page of RAM
     */
    SmmuWorld(Stages stages, int pages) {
        MmioBus bus = new MmioBus();
        PciHost host =
                new PciHost(
                        new PciHost.Layout(ECAM, 1, 0x1000_0000L, 1 << 20, 0, 0, 0, 0),
                        memory,
                        bus,
                        new MsiDoorbell(0x808_0000L, 0x1_0000, (_, _, _) -> {}));
        ManualLoop loop = new ManualLoop();
        smmu =
                new SmmuV3(
                        SmmuV3Options.whole(),
                        memory,
                        loop,
                        new ManualClock(),
                        host::atsEndpoint,
                        new SmmuV3.Wires(_ -> {}, _ -> {}, _ -> {}, _ -> {}),
                        (_, _) -> false);
        host.iommu(smmu, _ -> true);
        function =
                PciFunction.builder("bench")
                        .ids(0x1b36, 5)
                        .express()
                        .ats(AtsOptions.ofQueueDepth(32))
                        .build();
        host.plug(RID >>> 3, 0, function);
        bus.write(ECAM + ((long) RID << 12) + COMMAND, 2, 6);
        bus.write(ECAM + ((long) RID << 12) + ATS_CONTROL, 2, 0x8000);
        describe(stages, pages);
        smmu.registers().write(0x080, 8, STREAM_TABLE);
        smmu.registers().write(0x088, 4, 8);
        smmu.registers().write(0x020, 4, 1);
        loop.runUntilIdle();
    }

    private void describe(Stages stages, int pages) {
        var geometry = new VmsaV8Geometry(12, 48, 48, false);
        PageTables stage1 =
                PageTables.in(
                        new TablePages(memory, 1 << 20, 24 << 20),
                        root ->
                                new VmsaV8Stage1(
                                        geometry,
                                        root,
                                        false,
                                        false,
                                        false,
                                        false,
                                        AccessTracking.SOFTWARE));
        for (long page = 0; page < pages; page++) {
            stage1.map(IOVA + (page << 12), 48L << 20, 12, READ_WRITE, 1 << 11);
        }
        long config = stages == Stages.NESTED ? 7 : 5;
        long dw2 = 0;
        long dw3 = 0;
        if (stages == Stages.NESTED) {
            PageTables stage2 =
                    PageTables.in(
                            new TablePages(memory, 28 << 20, 8 << 20),
                            root ->
                                    new VmsaV8Stage2(
                                            geometry,
                                            root,
                                            0,
                                            AccessTracking.SOFTWARE,
                                            false,
                                            false,
                                            true));
            for (long gpa = 0; gpa < RAM_BYTES; gpa += 1 << 12) {
                stage2.map(gpa, gpa, 12, READ_WRITE);
            }
            dw2 = 1 | 16L << 32 | 2L << 38 | 5L << 48 | 1L << 51;
            dw3 = stage2.root();
        }
        store(STREAM_TABLE + 64L * RID, 1 | config << 1 | CONTEXT, 1L << 28, dw2, dw3);
        long cd = 16 | 1L << 30 | 1L << 31 | 5L << 32 | 1L << 41 | 1L << 46 | 1L << 48;
        store(CONTEXT, cd, stage1.root(), 0, 0xff);
    }

    private void store(long gpa, long... words) {
        try {
            for (int i = 0; i < words.length; i++) {
                memory.setLongLe(gpa + 8L * i, words[i]);
            }
        } catch (GuestAccessException e) {
            throw new IllegalStateException("structures are in RAM", e);
        }
    }
}
