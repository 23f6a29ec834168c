package nestor.endpoints.dsa;

import nestor.endpoints.dsa.DsaRegisters.Swerror;
import nestor.pci.Requester;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * SWERROR (§3.3): what has no completion record to be told in. The first error stays until software
 * takes it, further ones leave a bit. Any thread.
 */
final class SoftwareErrors {
    /**
     * An error.
     *
     * @param code of {@link Status}
     * @param workQueue it concerns
     * @param descriptor null if there is none
     * @param requester of the descriptor; null if there is none
     * @param batchIndex in the batch, or {@link #NO_BATCH}
     * @param invalidFlags for {@link Status#INVALID_FLAGS}
     * @param address that faulted, or 0
     */
    record Report(
            int code,
            int workQueue,
            @Nullable Descriptor descriptor,
            @Nullable Requester requester,
            int batchIndex,
            int invalidFlags,
            long address) {
        static final int NO_BATCH = -1;

        /** An error of a write to a portal. */
        static Report portal(int code, int workQueue) {
            return new Report(code, workQueue, null, null, NO_BATCH, 0, 0);
        }

        private long word0() {
            long word = Swerror.VALID.mask() | Swerror.WQ_VALID.mask();
            word = Swerror.CODE.set(word, code);
            word = Swerror.WQ.set(word, workQueue);
            word |= batchIndex != NO_BATCH ? Swerror.BATCH.mask() : 0;
            // The only fault that ends here is that of a completion record.
            word |= code == Status.COMPLETION_ADDRESS ? Swerror.WRITE.mask() : 0;
            if (descriptor != null) {
                word |= Swerror.DESCRIPTOR_VALID.mask();
                word = Swerror.OPCODE.set(word, descriptor.opcode());
            }
            if (requester != null && requester.hasPasid()) {
                word |= requester.privileged() ? Swerror.PRIVILEGED.mask() : 0;
                word = Swerror.PASID.set(word, requester.pasid());
            }
            return word;
        }

        private long word1() {
            long word = Swerror.BATCH_INDEX.set(0, batchIndex == NO_BATCH ? 0 : batchIndex);
            return Swerror.INVALID_FLAGS.set(word, invalidFlags);
        }
    }

    private final DsaRegisters registers;
    private final RegisterFile file;

    /** Makes each report one, while others come; a leaf but for the file's. */
    private final Object lock = new Object();

    SoftwareErrors(DsaRegisters registers, RegisterFile file) {
        this.registers = registers;
        this.file = file;
    }

    /** Returns whether this is the error that software will see, and be interrupted for. */
    boolean report(Report report) {
        synchronized (lock) {
            if (Swerror.VALID.isSet(file.get(registers.swerror0))) {
                file.update(registers.swerror0, Swerror.OVERFLOW::setAll);
                return false;
            }
            file.set(registers.swerror1, report.word1());
            file.set(registers.swerror2, report.address());
            file.set(registers.swerror0, report.word0());
            return true;
        }
    }
}
