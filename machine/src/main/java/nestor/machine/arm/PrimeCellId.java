package nestor.machine.arm;

import static nestor.vmm.register.Register.readOnly;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.register.Register;

/** The identification registers at the end of a PrimeCell's 4 KiB frame. */
final class PrimeCellId {
    static final int FRAME_BYTES = 0x1000;
    private static final long FIRST = 0xfe0;
    private static final int[] CELL_ID = {0x0d, 0xf0, 0x05, 0xb1};

    private PrimeCellId() {}

    /**
     * PeriphID0..3 and PCellID0..3.
     *
     * @param peripheralId bytes of PeriphID0..3, lowest first
     */
    static List<Register> registers(int peripheralId, String section) {
        List<Register> table = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int id = peripheralId >>> 8 * i & 0xff;
            table.add(readOnly("PeriphID" + i, FIRST + 4L * i, 4, id, section));
        }
        for (int i = 0; i < 4; i++) {
            table.add(readOnly("PCellID" + i, FIRST + 16 + 4L * i, 4, CELL_ID[i], section));
        }
        return table;
    }
}
