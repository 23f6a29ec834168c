package nestor.smmuv3;

import java.util.List;
import jdk.jfr.Description;
import jdk.jfr.Name;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.command.Command;
import nestor.smmuv3.command.CommandError;
import nestor.smmuv3.event.Event;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;

/** Trace points of the SMMUv3, under QEMU's names where it has them. */
public final class SmmuTrace implements TracePoints {
    @Override
    public List<Class<? extends TracePoint>> events() {
        return List.of(
                RegisterRead.class,
                RegisterWrite.class,
                CommandConsumed.class,
                CommandStopped.class,
                TranslationMade.class,
                EventRecorded.class,
                PageRequestQueued.class);
    }

    abstract static class RegisterAccess extends TracePoint {
        @Description("From the first register page on")
        long addr;

        long val;
        int size;
    }

    @Name("smmuv3_read_mmio")
    static final class RegisterRead extends RegisterAccess {}

    @Name("smmuv3_write_mmio")
    static final class RegisterWrite extends RegisterAccess {}

    @Name("smmuv3_cmdq_consume")
    static final class CommandConsumed extends TracePoint {
        @Description("Index of the command, with its wrap bit")
        long cons;

        @Description("IHI 0070, chapter 4")
        String command = "";

        long word0;
        long word1;
    }

    @Name("smmuv3_cmdq_consume_error")
    static final class CommandStopped extends TracePoint {
        long cons;
        String error = "";
    }

    @Name("smmuv3_translate_success")
    static final class TranslationMade extends TracePoint {
        int sid;

        @Description("-1 without one")
        int ssid;

        long iova;
        long translated;

        @Description("log2 of the block in bytes")
        int sizeLog2;

        @Description("1 read, 2 write, 4 execute")
        int access;
    }

    @Name("smmuv3_record_event")
    static final class EventRecorded extends TracePoint {
        @Description("Event number, IHI 0070, §7.3")
        int type;

        int sid;

        @Description("-1 without one")
        int ssid;

        @Description("Doublewords 1 to 3 of the record")
        long dw1;

        long dw2;
        long dw3;

        @Description("What became of the record")
        String outcome = "";
    }

    @Name("smmuv3_priq_record")
    static final class PageRequestQueued extends TracePoint {
        int sid;

        @Description("-1 without one")
        int ssid;

        long address;
        int prgIndex;
        boolean last;

        @Description("What became of the record")
        String outcome = "";
    }

    static void registerRead(long offset, int sizeBytes, long value) {
        access(new RegisterRead(), offset, sizeBytes, value);
    }

    static void registerWritten(long offset, int sizeBytes, long value) {
        access(new RegisterWrite(), offset, sizeBytes, value);
    }

    private static void access(RegisterAccess event, long offset, int sizeBytes, long value) {
        if (event.shouldCommit()) {
            event.addr = offset;
            event.size = sizeBytes;
            event.val = value;
            event.commit();
        }
    }

    static void commandConsumed(long cons, Command command, long word0, long word1) {
        CommandConsumed event = new CommandConsumed();
        if (event.shouldCommit()) {
            event.cons = cons;
            event.command = command.toString();
            event.word0 = word0;
            event.word1 = word1;
            event.commit();
        }
    }

    static void commandStopped(long cons, CommandError error) {
        CommandStopped event = new CommandStopped();
        if (event.shouldCommit()) {
            event.cons = cons;
            event.error = error.name();
            event.commit();
        }
    }

    static void translated(Requester requester, long iova, Translation.Mapping mapping) {
        TranslationMade event = new TranslationMade();
        if (event.shouldCommit()) {
            event.sid = requester.rid();
            event.ssid = requester.pasid();
            event.iova = iova;
            event.translated = mapping.gpa(iova);
            event.sizeLog2 = mapping.sizeLog2();
            event.access = mapping.access();
            event.commit();
        }
    }

    static void recorded(Event record, OutputQueue.Outcome outcome) {
        EventRecorded event = new EventRecorded();
        if (event.shouldCommit()) {
            event.type = record.number();
            event.sid = record.sid();
            event.ssid = record.ssid();
            event.dw1 = record.dw1();
            event.dw2 = record.dw2();
            event.dw3 = record.dw3();
            event.outcome = outcome.name();
            event.commit();
        }
    }

    static void pageRequestQueued(PageRequest request, String outcome) {
        PageRequestQueued event = new PageRequestQueued();
        if (event.shouldCommit()) {
            event.sid = request.requester().rid();
            event.ssid = request.requester().pasid();
            event.address = request.iova();
            event.prgIndex = request.prgIndex();
            event.last = request.last();
            event.outcome = outcome;
            event.commit();
        }
    }
}
