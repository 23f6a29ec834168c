package nestor.pci;

import java.util.List;
import java.util.stream.Collectors;
import jdk.jfr.Description;
import jdk.jfr.Name;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;
import org.jspecify.annotations.Nullable;

/** Trace points of configuration space and of what functions send and receive. */
public final class PciTrace implements TracePoints {
    @Override
    public List<Class<? extends TracePoint>> events() {
        return List.of(
                ConfigRead.class,
                ConfigWrite.class,
                ConfigMisuse.class,
                DmaRead.class,
                DmaWrite.class,
                TranslationRequested.class,
                Invalidation.class,
                InvalidationCompleted.class,
                PageRequested.class,
                StopMarked.class,
                PageAnswered.class);
    }

    /** An access to configuration space. */
    abstract static class ConfigAccess extends TracePoint {
        int rid;
        int offset;
        int size;
        long value;
    }

    @Name("pci_cfg_read")
    static final class ConfigRead extends ConfigAccess {}

    @Name("pci_cfg_write")
    static final class ConfigWrite extends ConfigAccess {}

    /** Software uses a capability as it must not. */
    @Name("pci_cfg_misuse")
    static final class ConfigMisuse extends TracePoint {
        int rid;
        String rule = "";

        @Description("Of PCIe Base 6.0")
        String section = "";
    }

    static void misused(int rid, String rule, String section) {
        ConfigMisuse event = new ConfigMisuse();
        if (event.shouldCommit()) {
            event.rid = rid;
            event.rule = rule;
            event.section = section;
            event.commit();
        }
    }

    /** A message or request of a function's. */
    abstract static class Message extends TracePoint {
        @Description("Requester ID of the function")
        int rid;

        @Description("-1 without one")
        int pasid;

        @Description("Privileged Mode Requested")
        boolean privileged;

        final void of(Requester requester) {
            rid = requester.rid();
            pasid = requester.pasid();
            privileged = requester.privileged();
        }
    }

    /** A memory request, from its sending to its completion. */
    abstract static class Dma extends Message {
        @Description("Address Type: the function translated it")
        boolean translated;

        @Description("First byte")
        long address;

        long bytes;

        @Description("Completion Status, or STALLED")
        String status = "";
    }

    @Name("dma_read")
    static final class DmaRead extends Dma {}

    @Name("dma_write")
    static final class DmaWrite extends Dma {}

    /** Asked whether anybody wants to know, on a path that allocates nothing. */
    private static final DmaRead READ = new DmaRead();

    private static final DmaWrite WRITE = new DmaWrite();

    @Name("ats_translation_request")
    static final class TranslationRequested extends Message {
        long address;
        int translations;

        @Description("No Write")
        boolean noWrite;

        @Description("Completion Status")
        String status = "";

        @Description("Entries of the completion, in hexadecimal")
        String entries = "";
    }

    @Name("ats_invalidate_request")
    static final class Invalidation extends Message {
        int itag;
        boolean global;
        long address;

        @Description("log2 of the range in bytes")
        int sizeLog2;
    }

    @Name("ats_invalidate_completion")
    static final class InvalidationCompleted extends Message {
        int itag;
    }

    @Name("pri_page_request")
    static final class PageRequested extends Message {
        long address;

        @Description("1 read, 2 write, 4 execute")
        int access;

        int prgIndex;
        boolean last;

        @Description("What became of it at the function")
        String outcome = "";
    }

    @Name("pri_stop_marker")
    static final class StopMarked extends Message {}

    @Name("pri_page_response")
    static final class PageAnswered extends Message {
        int prgIndex;

        @Description("0 success, 1 invalid request, 15 response failure")
        int code;
    }

    static void configRead(int rid, int offset, int size, long value) {
        configAccess(new ConfigRead(), rid, offset, size, value);
    }

    static void configWritten(int rid, int offset, int size, long value) {
        configAccess(new ConfigWrite(), rid, offset, size, value);
    }

    private static void configAccess(
            ConfigAccess event, int rid, int offset, int size, long value) {
        if (event.shouldCommit()) {
            event.rid = rid;
            event.offset = offset;
            event.size = size;
            event.value = value;
            event.commit();
        }
    }

    /** A memory request begins; null if nobody wants to know. */
    static @Nullable Dma dma(int access) {
        if (access == Translation.READ) {
            return READ.isEnabled() ? begun(new DmaRead()) : null;
        }
        return WRITE.isEnabled() ? begun(new DmaWrite()) : null;
    }

    private static Dma begun(Dma event) {
        event.begin();
        return event;
    }

    static void ended(
            @Nullable Dma event,
            Requester requester,
            AddressType type,
            long address,
            long bytes,
            @Nullable CompletionStatus status) {
        if (event != null && event.shouldCommit()) {
            event.of(requester);
            event.translated = type == AddressType.TRANSLATED;
            event.address = address;
            event.bytes = bytes;
            event.status = status == null ? "STALLED" : status.name();
            event.commit();
        }
    }

    static void translationRequested(AtsRequest request, AtsCompletion completion) {
        TranslationRequested event = new TranslationRequested();
        if (event.shouldCommit()) {
            event.of(request.requester());
            event.address = request.address();
            event.translations = request.translations();
            event.noWrite = request.noWrite();
            switch (completion) {
                case AtsCompletion.Failed(CompletionStatus status) -> event.status = status.name();
                case AtsCompletion.Entries(List<AtsEntry> entries) -> {
                    event.status = CompletionStatus.SUCCESSFUL.name();
                    event.entries =
                            entries.stream()
                                    .map(entry -> Long.toHexString(entry.value()))
                                    .collect(Collectors.joining(" "));
                }
            }
            event.commit();
        }
    }

    static void invalidation(InvalidateRequest request) {
        Invalidation event = new Invalidation();
        if (event.shouldCommit()) {
            event.rid = request.rid();
            event.pasid = request.pasid();
            event.itag = request.itag();
            event.global = request.global();
            event.address = request.iova();
            event.sizeLog2 = request.sizeLog2();
            event.commit();
        }
    }

    static void invalidationCompleted(InvalidateRequest request) {
        InvalidationCompleted event = new InvalidationCompleted();
        if (event.shouldCommit()) {
            event.rid = request.rid();
            event.pasid = request.pasid();
            event.itag = request.itag();
            event.commit();
        }
    }

    static void pageRequested(PageRequest request, AtsPort.PageRequestOutcome outcome) {
        PageRequested event = new PageRequested();
        if (event.shouldCommit()) {
            event.of(request.requester());
            event.address = request.iova();
            event.access = request.access();
            event.prgIndex = request.prgIndex();
            event.last = request.last();
            event.outcome = outcome.name();
            event.commit();
        }
    }

    static void stopMarked(Requester requester) {
        StopMarked event = new StopMarked();
        if (event.shouldCommit()) {
            event.of(requester);
            event.commit();
        }
    }

    static void pageAnswered(PageResponse response) {
        PageAnswered event = new PageAnswered();
        if (event.shouldCommit()) {
            event.rid = response.rid();
            event.pasid = response.pasid();
            event.prgIndex = response.prgIndex();
            event.code = response.code();
            event.commit();
        }
    }
}
