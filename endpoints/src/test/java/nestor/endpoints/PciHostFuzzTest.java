package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import nestor.pci.AddressType;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.pci.Requester;
import nestor.pci.RootPort;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;

/**
 * A guest that writes anything anywhere: configuration space, BARs, and through them DMA at
 * whatever the bus reaches. Nothing escapes, every DMA that enters the IOMMU leaves it, and a reset
 * makes all as fresh.
 */
class PciHostFuzzTest {
    private static final long ECAM = 0x3f00_0000L;
    private static final int BUSES = 4;
    private static final long MEM32 = 0x1000_0000L;
    private static final long MEM64 = 0x80_0000_0000L;
    private static final int WINDOW_BYTES = 1 << 26;
    private static final long RAM = 0x0100_0000L;
    private static final int RAM_BYTES = 1 << 16;
    private static final long DOORBELL = 0x0809_0000L;
    private static final int MAX_ACCESSES = 400;

    /** Config pages the guest aims at: three on bus 0, and where a port's device may appear. */
    private static final int[] PAGES = {1 << 3, 2 << 3, 3 << 3, 4 << 3, 1 << 8, 2 << 8, 3 << 8};

    /** Low pages map to RAM, one to each window; everything else faults. */
    private static final class Agent implements TranslationAgent {
        int inside;

        @Override
        public Translation translate(Requester requester, AddressType type, long iova, int access) {
            long page = iova >>> 12;
            if (Long.compareUnsigned(page, 32) >= 0) {
                return new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);
            }
            long gpa =
                    switch ((int) page & 3) {
                        case 0 -> RAM + (page << 12);
                        case 1 -> MEM32 + (page << 12);
                        case 2 -> DOORBELL;
                        default -> MEM64;
                    };
            return new Translation.Mapping(page << 12, 12, gpa, access);
        }

        @Override
        public long enterDma() {
            return ++inside;
        }

        @Override
        public void exitDma(long ticket) {
            inside--;
        }
    }

    @FuzzTest(maxDuration = "10m")
    void aHostileGuestMeetsDefinedBehaviour(FuzzedDataProvider data) {
        try (GuestMemory memory = GuestMemory.anonymous(RAM, RAM_BYTES);
                MailboxLoop loop = loop("edu0");
                MailboxLoop otherLoop = loop("edu1")) {
            MmioBus mmio = new MmioBus();
            PciHost host =
                    new PciHost(
                            new PciHost.Layout(
                                    ECAM, BUSES, MEM32, WINDOW_BYTES, MEM64, WINDOW_BYTES, 0, 0),
                            memory,
                            mmio,
                            new MsiDoorbell(DOORBELL, 0x1000, (_, _, _) -> {}));
            Agent agent = new Agent();
            host.iommu(agent, rid -> (rid & 8) == 0);
            PciFunction function = msixFunction();
            RootPort first = host.addRootPort("rp0", 1);
            RootPort second = host.addRootPort("rp1", 2);
            host.plug(3, 0, new Edu("edu0", loop, -1L).function());
            host.plug(4, 0, PciFunction.builder("bare").build());
            first.plug(new Edu("edu1", otherLoop, -1L).function());
            second.plug(function);
            List<Long> fresh = bus0(mmio);

            for (int i = 0; i < MAX_ACCESSES && data.remainingBytes() > 0; i++) {
                access(data, mmio, function);
                assertThat(agent.inside).isZero();
            }

            host.reset();
            assertThat(bus0(mmio)).isEqualTo(fresh);
        }
    }

    private static MailboxLoop loop(String name) {
        return new MailboxLoop(
                name,
                16,
                (_, escaped) -> {
                    throw new AssertionError("escaped a device loop", escaped);
                });
    }

    private static PciFunction msixFunction() {
        return PciFunction.builder("msix")
                .ids(0x1af4, 0x1042)
                .bar(0, 0x1000, BarKind.MEM32)
                .bar(2, 0x4000, BarKind.MEM64_PREFETCHABLE)
                .msix(8, 0, 0, 0x800)
                .msi(8)
                .express()
                .onReset(() -> {})
                .build();
    }

    private static List<Long> bus0(MmioBus mmio) {
        List<Long> values = new ArrayList<>();
        for (int device = 1; device <= 4; device++) {
            for (int offset = 0; offset < 0x200; offset += 4) {
                values.add(mmio.read(ECAM + ((long) device << 15) + offset, 4));
            }
        }
        return values;
    }

    private static void access(FuzzedDataProvider data, MmioBus mmio, PciFunction function) {
        int size = 1 << data.consumeInt(0, 3);
        switch (data.consumeInt(0, 8)) {
            case 0 -> mmio.read(configAddress(data), size);
            case 1, 2 -> mmio.write(configAddress(data), size, data.consumeLong());
            case 3 -> mmio.read(MEM32 + data.consumeInt(0, WINDOW_BYTES - 1), size);
            case 4 ->
                    mmio.write(
                            MEM32 + data.consumeInt(0, WINDOW_BYTES - 1), size, data.consumeLong());
            case 5 -> {
                mmio.write(MEM64 + data.consumeInt(0, WINDOW_BYTES - 1), size, data.consumeLong());
                mmio.read(MEM64 + data.consumeInt(0, WINDOW_BYTES - 1), size);
            }
            case 6 -> {
                function.signalMsix(data.consumeInt());
                function.signalMsi(data.consumeInt());
            }
            case 7 -> {
                MemorySegment buffer =
                        MemorySegment.ofArray(new byte[data.consumeInt(0, 3 * 4096)]);
                Requester requester = function.requester();
                function.dma().write(requester, data.consumeLong(), buffer);
                function.dma().read(requester, data.consumeInt(), buffer);
            }
            default -> startEdu(data, mmio);
        }
    }

    /** Configuration accesses that a random search would take long to find. */
    private static void startEdu(FuzzedDataProvider data, MmioBus mmio) {
        long bar = MEM32 + data.consumeInt(0, 15) * (1L << 20);
        mmio.write(ECAM + (3L << 15) + 0x10, 4, bar);
        mmio.write(ECAM + (3L << 15) + 4, 2, 6);
        boolean out = data.consumeBoolean();
        long other =
                data.consumeBoolean() ? data.consumeLong() : MEM32 + data.consumeInt(0, 1 << 24);
        mmio.write(bar + 0x80, 8, out ? 0x40000 : other);
        mmio.write(bar + 0x88, 8, out ? other : 0x40000);
        mmio.write(bar + 0x90, 8, data.consumeInt(0, 4096));
        mmio.write(bar + 0x98, 4, out ? 7 : 5);
    }

    private static long configAddress(FuzzedDataProvider data) {
        if (data.consumeBoolean()) {
            return ECAM + data.consumeInt(0, BUSES * PciHost.ECAM_BYTES_PER_BUS - 1);
        }
        int page = PAGES[data.consumeInt(0, PAGES.length - 1)];
        return ECAM + ((long) page << 12) + data.consumeInt(0, 0x1ff);
    }
}
