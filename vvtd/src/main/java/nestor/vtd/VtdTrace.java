package nestor.vtd;

import java.util.List;
import jdk.jfr.Description;
import jdk.jfr.Name;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;
import nestor.vtd.command.InvalidationDescriptor;
import nestor.vtd.command.QueueError;
import nestor.vtd.event.FaultRecord;

/** Trace points of VT-d, under QEMU's names where it has them. */
public final class VtdTrace implements TracePoints {
    @Override
    public List<Class<? extends TracePoint>> events() {
        return List.of(
                Descriptor.class,
                QueueStopped.class,
                Fault.class,
                TranslationMade.class,
                PageRequested.class,
                InterruptRemapped.class);
    }

    @Name("vtd_inv_desc")
    static final class Descriptor extends TracePoint {
        @Description("IQH_REG: offset in the queue")
        long head;

        @Description("§6.5.2")
        String descriptor = "";
    }

    @Name("vtd_inv_qi_stopped")
    static final class QueueStopped extends TracePoint {
        long head;

        @Description("IQERCD_REG.IQEI")
        String error = "";
    }

    @Name("vtd_dmar_fault")
    static final class Fault extends TracePoint {
        @Description("Source of the request")
        int sid;

        @Description("Fault reason, §7.1.3")
        int fault;

        @Description("Page address, or in bits 63:48 the index of an interrupt")
        long addr;

        @Description("Quadword 1 of the fault recording register")
        long attributes;
    }

    @Name("vtd_iotlb_page_update")
    static final class TranslationMade extends TracePoint {
        int sid;

        @Description("-1 without one")
        int pasid;

        long iova;
        long translated;

        @Description("log2 of the block in bytes")
        int sizeLog2;

        @Description("1 read, 2 write, 4 execute")
        int access;
    }

    @Name("vtd_prq_request")
    static final class PageRequested extends TracePoint {
        int sid;

        @Description("-1 without one")
        int pasid;

        long address;
        int prgIndex;
        boolean last;
    }

    @Name("vtd_ir_remap_msi")
    static final class InterruptRemapped extends TracePoint {
        int sid;

        @Description("Of the interrupt remapping table")
        int index;

        @Description("What the local APICs are told")
        long address;

        long data;
    }

    static void descriptor(long head, InvalidationDescriptor descriptor) {
        Descriptor event = new Descriptor();
        if (event.shouldCommit()) {
            event.head = head;
            event.descriptor = descriptor.toString();
            event.commit();
        }
    }

    static void queueStopped(long head, QueueError error) {
        QueueStopped event = new QueueStopped();
        if (event.shouldCommit()) {
            event.head = head;
            event.error = error.name();
            event.commit();
        }
    }

    static void fault(FaultRecord fault) {
        Fault event = new Fault();
        if (event.shouldCommit()) {
            event.sid = fault.sid();
            event.fault = fault.reason();
            event.addr = fault.information();
            event.attributes = fault.attributes();
            event.commit();
        }
    }

    static void translated(Requester requester, long iova, Translation.Mapping mapping) {
        TranslationMade event = new TranslationMade();
        if (event.shouldCommit()) {
            event.sid = requester.rid();
            event.pasid = requester.pasid();
            event.iova = iova;
            event.translated = mapping.gpa(iova);
            event.sizeLog2 = mapping.sizeLog2();
            event.access = mapping.access();
            event.commit();
        }
    }

    static void pageRequest(PageRequest request) {
        PageRequested event = new PageRequested();
        if (event.shouldCommit()) {
            event.sid = request.requester().rid();
            event.pasid = request.requester().pasid();
            event.address = request.iova();
            event.prgIndex = request.prgIndex();
            event.last = request.last();
            event.commit();
        }
    }

    static void interrupt(int sid, int index, long address, long data) {
        InterruptRemapped event = new InterruptRemapped();
        if (event.shouldCommit()) {
            event.sid = sid;
            event.index = index;
            event.address = address;
            event.data = data;
            event.commit();
        }
    }
}
