package nestor.vtd;

import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.FaultStatus;
import nestor.vtd.event.FaultRecord;

/**
 * Primary fault logging (§7.2.1), and the status that faults and queue errors share (§11.4.7.1). A
 * fault that repeats one which software has not taken yet is not recorded again. Any thread; its
 * lock is held while registers change, and never while the interrupt is sent.
 */
final class FaultLog {
    /** What keeps a further event from interrupting; PFO is none. */
    private static final long CAUSES =
            FaultStatus.PPF.mask()
                    | FaultStatus.IQE.mask()
                    | FaultStatus.ICE.mask()
                    | FaultStatus.ITE.mask();

    private final RegisterFile registers;
    private final EventInterrupt interrupt;
    private final Object lock = new Object();

    /** The recording register for the next fault. */
    private int next;

    FaultLog(RegisterFile registers, EventInterrupt interrupt) {
        this.registers = registers;
        this.interrupt = interrupt;
    }

    void reset() {
        synchronized (lock) {
            next = 0;
        }
    }

    /** Records a fault, if there is room. */
    void record(FaultRecord fault) {
        VtdTrace.fault(fault);
        boolean first;
        synchronized (lock) {
            if (isSet(FaultStatus.PFO) || isPending(fault)) {
                return;
            }
            Register attributes = Registers.faultRecord(next);
            if (FaultRecord.F.isSet(registers.get(attributes))) {
                registers.update(Registers.FSTS, FaultStatus.PFO::setAll);
                return;
            }
            registers.set(Registers.faultInformation(next), fault.information());
            registers.set(attributes, FaultRecord.F.setAll(fault.attributes()));
            next = (next + 1) % VtdOptions.FAULT_RECORDS;
            first = (summarize() & CAUSES) == 0;
        }
        if (first) {
            interrupt.raise();
        }
    }

    private boolean isPending(FaultRecord fault) {
        for (int n = 0; n < VtdOptions.FAULT_RECORDS; n++) {
            if (registers.get(Registers.faultRecord(n)) == FaultRecord.F.setAll(fault.attributes())
                    && registers.get(Registers.faultInformation(n)) == fault.information()) {
                return true;
            }
        }
        return false;
    }

    private boolean isSet(BitField status) {
        return status.isSet(registers.get(Registers.FSTS));
    }

    /** PPF is the OR of every F; FRI is the oldest record. Returns FSTS as it was before. */
    private long summarize() {
        for (int i = 0; i < VtdOptions.FAULT_RECORDS; i++) {
            int n = (next + i) % VtdOptions.FAULT_RECORDS;
            if (FaultRecord.F.isSet(registers.get(Registers.faultRecord(n)))) {
                return registers.getAndUpdate(
                        Registers.FSTS,
                        value -> FaultStatus.FRI.set(FaultStatus.PPF.setAll(value), n));
            }
        }
        return registers.getAndUpdate(
                Registers.FSTS, value -> FaultStatus.FRI.clear(FaultStatus.PPF.clear(value)));
    }

    /** Software wrote to the status or to a record. */
    void acknowledged() {
        synchronized (lock) {
            summarize();
            if ((registers.get(Registers.FSTS) & CAUSES) == 0) {
                interrupt.withdraw();
            }
        }
    }

    /** IQE or ITE: the invalidation queue has stopped. */
    void queueStopped(BitField why) {
        raise(why);
    }

    /**
     * ICE: a device TLB completed an invalidation that was not outstanding. The queue goes on; the
     * source of the first is kept (§11.4.9.9).
     */
    void unexpectedCompletion(int sid) {
        synchronized (lock) {
            if (!isSet(FaultStatus.ICE)) {
                registers.update(Registers.IQERCD, value -> Registers.Queue.ICESID.set(value, sid));
            }
        }
        raise(FaultStatus.ICE);
    }

    private void raise(BitField why) {
        boolean first;
        synchronized (lock) {
            first = (registers.getAndUpdate(Registers.FSTS, why::setAll) & CAUSES) == 0;
        }
        if (first) {
            interrupt.raise();
        }
    }

    /** Whether the invalidation queue has to wait for software. */
    boolean isQueueStopped() {
        return isSet(FaultStatus.IQE) || isSet(FaultStatus.ITE);
    }
}
