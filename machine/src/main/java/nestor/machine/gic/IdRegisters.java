package nestor.machine.gic;

import static nestor.vmm.register.Register.readOnly;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/** Identification registers at the end of every 64 KiB frame (§12.1.2). */
final class IdRegisters {
    static final long FIRST = 0xffd0;
    private static final int BYTES = 0x30;

    /** GICx_IIDR: implementer Arm, product, variant and revision 0. */
    static final long IIDR = 0x43b;

    /** PIDR4..7, PIDR0..3, CIDR0..3: only PIDR2.ArchRev = 3 is architected, the rest as Arm's. */
    private static final int[] VALUES = {
        0x44, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1
    };

    private final RegisterFile registers;

    IdRegisters() {
        List<Register> table = new ArrayList<>();
        for (int i = 0; i < VALUES.length; i++) {
            table.add(readOnly("ID" + i, 4L * i, 4, VALUES[i], "§12.1.2"));
        }
        registers = new RegisterFile(BYTES, 4, table);
    }

    long read(long offset, int sizeBytes) {
        return registers.read(offset - FIRST, sizeBytes);
    }
}
