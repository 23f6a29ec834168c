package nestor.vtd;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.pci.AddressType;
import nestor.pci.AtsRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.Choices;
import nestor.testkit.Extents;
import nestor.testkit.HostileTables;

/** A guest, and functions, that do whatever the choices say; each access must have an answer. */
final class HostileGuest {
    /** Registers that say something of the unit, by offset: a fuzzer finds them sooner. */
    private static final long[] REGISTERS = {
        0x018, 0x01c, 0x020, 0x028, 0x034, 0x038, 0x03c, 0x080, 0x088, 0x090, 0x09c, 0x0a0, 0x0b0,
        0x0b8, 0x0c0, 0x0c8, 0x0d0, 0x0dc, 0x0e0, 0x220, 0x228, 0x500, 0x508
    };

    private static final long MEMORY_BYTES = 2 << 20;

    private static final int[] PASIDS = {Requester.NO_PASID, 0, 1, 2, 3, 63, 64, 0x2000, 0xf_ffff};

    /** Tables of random entries. */
    private static final long FIRST = 0x10_0000;

    private static final long SECOND = 0x18_0000;

    private final Choices choices;
    private final VtdHarness vtd;
    private final VtdHarness.RecordingEndpoint endpoint = new VtdHarness.RecordingEndpoint();

    HostileGuest(Choices choices) {
        this.choices = choices;
        VtdOptions options = VtdOptions.whole();
        for (VtdProperty property :
                new VtdProperty[] {
                    VtdProperty.CACHING_MODE,
                    VtdProperty.SNOOP_CONTROL,
                    VtdProperty.EXTENDED_INTERRUPT_MODE,
                    VtdProperty.PRIVATE_DATA
                }) {
            options = options.with(property, choices.below(2));
        }
        vtd = new VtdHarness(options, MEMORY_BYTES);
        vtd.endpoints.put(VtdHarness.RID, endpoint);
        if (choices.flip()) {
            vtd.scalable().queue(true);
        } else {
            vtd.legacy().queue(choices.flip());
        }
        vtd.pageRequestQueue();
    }

    VtdHarness vtd() {
        return vtd;
    }

    /** Registers, at any offset and of either width. */
    void register() {
        long offset =
                choices.flip()
                        ? REGISTERS[choices.below(REGISTERS.length)]
                        : 4L * choices.below(0x400);
        int bytes = offset % 8 == 0 && choices.flip() ? 8 : 4;
        long value = choices.flip() ? choices.anyLong() : address() | choices.below(0x1000);
        if (choices.oneIn(4)) {
            vtd.registers.read(offset, bytes);
        } else {
            vtd.registers.write(offset, bytes, bytes == 8 ? value : value & 0xffff_ffffL);
        }
        settle();
    }

    /** A descriptor, nearly of a type that exists; sometimes the driver clears what stopped it. */
    void descriptor() {
        long type = 1L + choices.below(10);
        long qw0 = choices.flip() ? type | choices.anyLong() << 4 : type | choices.below(4) << 4;
        qw0 |= choices.flip() ? (long) VtdHarness.RID << 32 | VtdHarness.DID << 16 : 0;
        long qw1 = choices.flip() ? choices.anyLong() : address();
        vtd.put(qw0, qw1, choices.oneIn(8) ? choices.anyLong() : 0, 0);
        vtd.ring();
        if (choices.flip()) {
            vtd.write32(0x034, -1);
        }
        settle();
    }

    /** Root, context, directory, PASID and interrupt entries. */
    void structure() {
        long flags = choices.anyLong() & (choices.flip() ? 0xfff : -1L);
        switch (choices.below(6)) {
            case 0 -> vtd.store(VtdHarness.ROOT, address() | flags, address() | flags);
            case 1 -> vtd.legacyContext(address() | flags | 1, choices.below(0x1000));
            case 2 -> vtd.context(VtdHarness.DIRECTORY | flags & 0xfff | 1, choices.below(1 << 20));
            case 3 ->
                    vtd.store(VtdHarness.DIRECTORY + 8L * choices.below(0x4000), address() | flags);
            case 4 ->
                    vtd.pasid(
                            choices.below(64),
                            address() | flags | 1,
                            choices.below(1 << 16),
                            address() | choices.below(0x80));
            default ->
                    vtd.store(
                            VtdHarness.INTERRUPTS + 16L * choices.below(256),
                            choices.anyLong() | 1,
                            choices.anyLong());
        }
    }

    /** A descriptor of some table, which may well point at itself. */
    void table() {
        long at = 0x10_0000 + 8L * choices.below(0x8000);
        long leaf = choices.flip() ? choices.anyLong() : address() | choices.below(0x1000);
        vtd.store(choices.flip() ? at : at - 0x10_0000, leaf);
    }

    /** A function's request of some kind. */
    void request() {
        int rid = choices.oneIn(4) ? choices.below(0x1_0000) : VtdHarness.RID;
        int pasid = PASIDS[choices.below(PASIDS.length)];
        var requester = new Requester(rid, pasid, choices.oneIn(4));
        long address = choices.flip() ? choices.anyLong() : choices.below(1 << 24);
        int access = 1 + choices.below(7);
        switch (choices.below(5)) {
            case 0 -> vtd.translated(requester, address, access);
            case 1 -> {
                int count = 1 + choices.below(64);
                assertThat(
                                vtd.unit.requestTranslation(
                                        new AtsRequest(
                                                requester,
                                                address,
                                                count,
                                                12 + choices.below(10),
                                                choices.flip(),
                                                choices.flip())))
                        .isNotNull();
            }
            case 2 ->
                    vtd.unit.requestPage(
                            new PageRequest(
                                    requester,
                                    address,
                                    access,
                                    choices.below(512),
                                    choices.flip()));
            case 3 ->
                    vtd.unit
                            .interrupts()
                            .signal(
                                    rid,
                                    0xfee0_0000L | choices.below(1 << 20),
                                    choices.below(1 << 20));
            default -> {
                long ticket = vtd.unit.enterDma();
                vtd.unit.translate(requester, AddressType.UNTRANSLATED, address, access);
                vtd.unit.exitDma(ticket);
            }
        }
    }

    /** Scalable mode, tables of random entries, and a PASID of each translation type for them. */
    void hostileTables() {
        vtd.scalable().queue(true);
        int calm = choices.below(5);
        var first = new HostileTables(choices, HostileTables.Style.X86, calm, FIRST, 19);
        var second =
                new HostileTables(choices, HostileTables.Style.VTD_SECOND_STAGE, calm, FIRST, 20);
        first.fill(vtd.memory, FIRST, 1 << 19);
        second.fill(vtd.memory, SECOND, 1 << 19);
        long aw = 1L + choices.below(2);
        long ad = (long) choices.below(2) << 9;
        long width = 1 | aw << 2 | ad;
        long nested = width | SECOND;
        long flags = choices.below(0x80) & ~(choices.oneIn(4) ? 0 : 0x8c);
        vtd.pasid(1, 1 | VtdHarness.FIRST_STAGE << 6 | 2 << 2, 7, FIRST | flags);
        vtd.pasid(2, nested | VtdHarness.SECOND_STAGE << 6, 8, 0);
        vtd.pasid(3, nested | VtdHarness.NESTED << 6, 9, FIRST | flags);
    }

    /** What was foretold of a request that came true. */
    enum Foretold {
        MAPPED,
        UNTRANSLATED,
        REFUSED
    }

    /** A function's untranslated request that nothing is cached of, and what was foretold of it. */
    Foretold exploredRequest() {
        int pasid = PASIDS[choices.below(PASIDS.length)];
        var requester =
                new Requester(
                        VtdHarness.RID, pasid, pasid != Requester.NO_PASID && choices.oneIn(4));
        long address = choices.oneIn(4) ? choices.anyLong() : choices.below(1 << 24);
        int access = 1 + choices.below(7);
        WalkReport report = vtd.unit.explore(requester, address, access);
        Extents.assertHolds(vtd.unit, report, choices);
        boolean faulted = vtd.hasFault();
        Translation answer = vtd.translate(requester, address, access);
        Foretold foretold =
                switch (report.outcome()) {
                    case WalkOutcome.Mapped _ -> Foretold.MAPPED;
                    case WalkOutcome.Untranslated _ -> Foretold.UNTRANSLATED;
                    case WalkOutcome.Refused _ -> Foretold.REFUSED;
                };
        if (!report.cached().isEmpty()) {
            return foretold;
        }
        switch (report.outcome()) {
            case WalkOutcome.Mapped mapped ->
                    assertThat(VtdHarness.gpa(answer, address)).isEqualTo(mapped.output());
            case WalkOutcome.Untranslated _ ->
                    assertThat(VtdHarness.gpa(answer, address)).isEqualTo(address);
            case WalkOutcome.Refused refused -> {
                VtdHarness.assertRejected(answer);
                if (!faulted && vtd.hasFault()) {
                    assertThat(refused.fault())
                            .startsWith("fault reason %02Xh,".formatted(vtd.fault().reason()));
                }
            }
        }
        return foretold;
    }

    private long address() {
        return choices.oneIn(8)
                ? VtdHarness.NOWHERE
                : choices.below((int) (MEMORY_BYTES >>> 12)) * 0x1000L;
    }

    private void settle() {
        vtd.loop.runUntilIdle();
        if (choices.flip()) {
            endpoint.completions.forEach(Runnable::run);
            endpoint.completions.clear();
            vtd.loop.runUntilIdle();
        }
        vtd.messages.clear();
        endpoint.invalidations.clear();
        endpoint.responses.forEach(
                (PageResponse response) -> assertThat(response.prgIndex()).isBetween(0, 511));
        endpoint.responses.clear();
    }

    /** Anything of the above. */
    void step() {
        switch (choices.below(5)) {
            case 0 -> register();
            case 1 -> descriptor();
            case 2 -> structure();
            case 3 -> table();
            default -> request();
        }
    }

    /** That the unit still is one, and like new once it is reset; the end of the guest. */
    void assertAlive() {
        assertThat(vtd.read32(0x000)).isEqualTo(0x60);
        vtd.unit.reset();
        vtd.loop.runUntilIdle();
        VtdHarness fresh = new VtdHarness(vtd.options, MEMORY_BYTES);
        for (long offset = 0; offset < VtdUnit.REGISTER_BYTES; offset += 8) {
            assertThat(vtd.read64(offset))
                    .describedAs("%x after reset", offset)
                    .isEqualTo(fresh.read64(offset));
        }
        fresh.memory.close();
        vtd.memory.close();
    }
}
