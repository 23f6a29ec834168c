package nestor.pci;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A guest, an IOMMU and devices that do anything in any order: capability writes, requests and
 * messages both ways, resets, bus numbers. Nothing escapes; requests are sent only as enabled;
 * every invalidation completes once and every group is answered once; a reset makes all as fresh.
 */
class AtsFuzzTest {
    private static final int MAX_STEPS = 300;
    private static final int PORT = TestBoard.rid(0, 1, 0);
    private static final int CAPACITY = 6;
    private static final int PASIDS = 4;
    private static final int INDICES = 8;

    /** Command, Device Control (FLR), and the control registers of PASID, ATS and PRI. */
    private static final int[] REGISTERS = {0x04, 0x48, 0x106, 0x10e, 0x114, 0x116, 0x11c};

    /** The device's side: which groups it has open, which invalidations it has not completed. */
    private static final class Receiver implements AtsEndpoint {
        final List<Runnable> completions = new ArrayList<>();
        final boolean[] open = new boolean[PageRequest.PRG_INDICES];

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            completions.add(complete);
        }

        @Override
        public void pageResponse(PageResponse response) {
            assertThat(open[response.prgIndex()]).isTrue();
            open[response.prgIndex()] = false;
        }

        @Override
        public void disabled() {}

        int groupsOpen() {
            int count = 0;
            for (boolean isOpen : open) {
                count += isOpen ? 1 : 0;
            }
            return count;
        }
    }

    /** A function with everything, and its device. */
    private record Device(PciFunction function, Receiver receiver) {
        Optional<AtsEndpoint> messages() {
            return function.host().atsEndpoint(function.rid());
        }
    }

    private int invalidationsSent;
    private int invalidationsCompleted;

    @FuzzTest(maxDuration = "10m")
    void messagesAndCapabilityWritesInAnyOrder(FuzzedDataProvider data) {
        invalidationsSent = 0;
        invalidationsCompleted = 0;
        try (TestBoard board = new TestBoard()) {
            ScriptedAgent agent = new ScriptedAgent();
            board.host.iommu(agent, _ -> true);
            List<Device> devices = List.of(device("integrated"), device("below"));
            board.host.plug(2, 0, devices.get(0).function());
            board.host.addRootPort("rp", 1).plug(devices.get(1).function());
            Map<String, String> fresh = board.dump(devices.get(0).function().rid());
            Map<String, String> freshPort = board.dump(PORT);
            board.openPort(PORT, 4, TestBoard.MEM32, TestBoard.MEM64);
            devices.forEach(device -> enable(board, device.function()));

            for (int i = 0; i < MAX_STEPS && data.remainingBytes() > 0; i++) {
                step(data, board, agent, devices.get(data.consumeInt(0, 1)));
                assertThat(agent.inside).isZero();
            }

            board.host.reset();
            assertThat(board.dump(devices.get(0).function().rid())).isEqualTo(fresh);
            assertThat(board.dump(PORT)).isEqualTo(freshPort);
            for (Device device : devices) {
                device.receiver().completions.forEach(Runnable::run);
                assertThat(device.receiver().groupsOpen()).isZero();
            }
            assertThat(invalidationsCompleted).isEqualTo(invalidationsSent);
        }
    }

    private static Device device(String name) {
        PciFunction function =
                PciFunction.builder(name)
                        .ids(1, 2)
                        .express()
                        .pasid(PasidOptions.ofWidth(2).withPrivileged().withTranslatedRequests())
                        .ats(AtsOptions.ofQueueDepth(32).withGlobalInvalidate())
                        .pri(PriOptions.ofCapacity(CAPACITY))
                        .onReset(() -> {})
                        .build();
        Receiver receiver = new Receiver();
        function.ats().register(AtsPort.ALL_PASIDS, receiver);
        return new Device(function, receiver);
    }

    private static void enable(TestBoard board, PciFunction f) {
        int rid = f.rid();
        board.command(rid, TestBoard.BUS_MASTER);
        board.config(rid, 0x106, 2, 0xf);
        board.config(rid, 0x11c, 4, CAPACITY);
        board.config(rid, 0x114, 4, 0x0003_0001L);
        board.config(rid, 0x10e, 2, 0x8000);
    }

    private void step(
            FuzzedDataProvider data, TestBoard board, ScriptedAgent agent, Device device) {
        PciFunction f = device.function();
        switch (data.consumeInt(0, 10)) {
            case 0 -> {
                int register = REGISTERS[data.consumeInt(0, REGISTERS.length - 1)];
                board.config(f.rid(), register, 1 << data.consumeInt(0, 2), data.consumeInt());
            }
            case 1 -> enable(board, f);
            case 2 -> board.openPort(PORT, data.consumeInt(0, 5), TestBoard.MEM32, TestBoard.MEM64);
            case 3 -> board.config(PORT, data.consumeInt(0, 0x1ff), 4, data.consumeInt());
            case 4, 5 -> requestPage(data, agent, device);
            case 6 -> requestTranslation(data, agent, f);
            case 7 -> respond(data, device);
            case 8 -> invalidate(data, device);
            case 9 -> {
                device.receiver().completions.forEach(Runnable::run);
                device.receiver().completions.clear();
            }
            default -> access(data, agent, f);
        }
    }

    private static Requester requester(FuzzedDataProvider data, PciFunction f) {
        return new Requester(
                data.consumeBoolean() ? f.rid() : data.consumeInt(),
                data.consumeInt(Requester.NO_PASID, PASIDS + 1),
                data.consumeBoolean());
    }

    private static void requestPage(FuzzedDataProvider data, ScriptedAgent agent, Device device) {
        Requester requester = requester(data, device.function());
        AtsPort ats = device.function().ats();
        boolean takes = data.consumeInt(0, 7) != 0;
        boolean answersAtOnce = data.consumeInt(0, 3) == 0;
        int code = data.consumeInt(0, 2);
        agent.taken =
                request -> {
                    if (!request.isStopMarker()) {
                        device.receiver().open[request.prgIndex()] = true;
                    }
                    if (answersAtOnce) {
                        int pasid = request.requester().pasid();
                        respond(device, pasid, request.prgIndex(), code);
                    }
                    return takes
                            ? CompletionStatus.SUCCESSFUL
                            : CompletionStatus.UNSUPPORTED_REQUEST;
                };
        if (data.consumeInt(0, 9) == 0) {
            ats.stopMarker(requester);
        } else {
            ats.requestPage(
                    requester,
                    data.consumeLong(),
                    data.consumeInt(0, 7),
                    data.consumeInt(0, INDICES - 1),
                    data.consumeBoolean());
        }
    }

    private static void respond(FuzzedDataProvider data, Device device) {
        int pasid = data.consumeInt(Requester.NO_PASID, PASIDS);
        respond(device, pasid, data.consumeInt(0, INDICES), data.consumeInt(0, 3));
    }

    /** Codes 0, 1, then what is reserved or a failure. */
    private static void respond(Device device, int pasid, int index, int code) {
        int onWire = code < 2 ? code : 13 + code;
        PageResponse response =
                new PageResponse(device.function().rid(), pasid, index, Math.min(onWire, 15));
        device.messages().ifPresent(endpoint -> endpoint.pageResponse(response));
    }

    private static void requestTranslation(
            FuzzedDataProvider data, ScriptedAgent agent, PciFunction f) {
        List<AtsEntry> entries = new ArrayList<>();
        for (int i = data.consumeInt(0, 8); i >= 0; i--) {
            entries.add(new AtsEntry(data.consumeLong()));
        }
        boolean disables = data.consumeInt(0, 15) == 0;
        agent.completion =
                request -> {
                    assertThat(request.requester().rid()).isEqualTo(f.rid());
                    assertThat(request.requester().pasid()).isLessThan(PASIDS);
                    assertThat(request.execute()).isFalse();
                    if (disables) {
                        f.reset();
                    }
                    return new AtsCompletion.Entries(entries);
                };
        Requester requester = requester(data, f);
        int unit = f.ats().smallestUnitLog2();
        AtsCompletion completion =
                f.ats()
                        .requestTranslation(
                                requester,
                                data.consumeLong(),
                                data.consumeLong(),
                                data.consumeInt(0, 7));
        if (completion instanceof AtsCompletion.Entries(List<AtsEntry> believed)) {
            assertThat(disables).isFalse();
            assertThat(believed).allMatch(entry -> entry.sizeLog2() >= unit);
        }
    }

    private void invalidate(FuzzedDataProvider data, Device device) {
        int pasid = data.consumeInt(Requester.NO_PASID, PASIDS);
        int itag = data.consumeInt(0, InvalidateRequest.ITAGS - 1);
        InvalidateRequest request =
                InvalidateRequest.decode(device.function().rid(), pasid, itag, data.consumeLong());
        device.messages()
                .ifPresent(endpoint -> {
                    invalidationsSent++;
                    endpoint.invalidate(request, () -> invalidationsCompleted++);
                });
    }

    private static void access(FuzzedDataProvider data, ScriptedAgent agent, PciFunction f) {
        long base = data.consumeBoolean() ? TestBoard.RAM : data.consumeLong() & -1L << 12;
        agent.translation =
                access -> new Translation.Mapping(access.address() & -1L << 12, 12, base, 3);
        Requester requester = requester(data, f);
        long address = data.consumeLong();
        MemorySegment buffer = MemorySegment.ofArray(new byte[data.consumeInt(0, 0x3000)]);
        switch (data.consumeInt(0, 3)) {
            case 0 -> f.dma().read(requester, address, buffer);
            case 1 -> f.dma().write(requester, address, buffer);
            case 2 -> f.dma().readTranslated(requester, address, buffer);
            default -> f.dma().writeTranslated(requester, address, buffer);
        }
    }
}
