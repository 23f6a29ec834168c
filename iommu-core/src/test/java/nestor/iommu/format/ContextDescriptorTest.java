package nestor.iommu.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ContextDescriptorTest {
    /** As Linux writes it for a 48-bit DMA domain of 4 KiB pages: ASID 7, tables at 0x4_2000. */
    private static final long LINUX_DW0 =
            16L // T0SZ
                    | 1L << 8 // IR0
                    | 1L << 10 // OR0
                    | 3L << 12 // SH0
                    | 1L << 30 // EPD1
                    | 1L << 31 // V
                    | 5L << 32 // IPS, 48 bits
                    | 1L << 41 // AA64
                    | 1L << 45 // R
                    | 1L << 46 // A
                    | 1L << 47 // ASET
                    | 7L << 48; // ASID

    @Test
    void whatLinuxWritesForADmaDomainIsDecoded() {
        ContextDescriptor cd = ContextDescriptor.decode(LINUX_DW0, 0x4_2000, 0, 0xf404ff44L);

        assertThat(cd.valid()).isTrue();
        assertThat(cd.aarch64()).isTrue();
        assertThat(cd.record()).isTrue();
        assertThat(cd.abort()).isTrue();
        assertThat(cd.stall()).isFalse();
        assertThat(cd.asidSet()).isTrue();
        assertThat(cd.asid()).isEqualTo(7);
        assertThat(cd.outputBits()).isEqualTo(48);
        assertThat(cd.mair()).isEqualTo(0xf404ff44L);
        assertThat(cd.range0())
                .isEqualTo(
                        new ContextDescriptor.Range(
                                16, 12, 1, 1, 3, false, false, false, false, 0x4_2000));
        assertThat(cd.range1().disabled()).isTrue();
    }

    @Test
    @DisplayName("IHI 0070 §5.4: TG0 and TG1 write the granules differently")
    void eachRangeHasItsOwnGranuleCodes() {
        int[] of0 = new int[4];
        int[] of1 = new int[4];
        for (int code = 0; code < 4; code++) {
            ContextDescriptor cd =
                    ContextDescriptor.decode((long) code << 6 | (long) code << 22, 0, 0, 0);
            of0[code] = cd.range0().granuleLog2();
            of1[code] = cd.range1().granuleLog2();
        }

        assertThat(of0).containsExactly(12, 16, 14, 0);
        assertThat(of1).containsExactly(0, 14, 12, 16);
    }

    @Test
    void bit55SelectsTheRange() {
        ContextDescriptor cd = ContextDescriptor.decode(1, 0x1000, 0x2000, 0);

        assertThat(cd.range(0x0000_7fff_ffff_f000L).ttb()).isEqualTo(0x1000);
        assertThat(cd.range(0xffff_8000_0000_0000L).ttb()).isEqualTo(0x2000);
        assertThat(cd.range(0xff00_7fff_ffff_f000L).ttb()).isEqualTo(0x1000);
    }

    @Test
    void oneBitAtATimeChangesOneFieldOrNothing() {
        ContextDescriptor zero = ContextDescriptor.decode(0, 0, 0, 0);
        for (int bit = 0; bit < 64; bit++) {
            assertThat(ContextDescriptor.decode(1L << bit, 0, 0, 0))
                    .describedAs("doubleword 0, bit %d", bit)
                    .isNotEqualTo(zero);
            assertThat(ContextDescriptor.decode(0, 0, 0, 1L << bit)).isNotEqualTo(zero);
            boolean meant = bit >= 1 && bit <= 51;
            assertThat(ContextDescriptor.decode(0, 1L << bit, 0, 0).equals(zero))
                    .isNotEqualTo(meant);
            assertThat(ContextDescriptor.decode(0, 0, 1L << bit, 0).equals(zero))
                    .isNotEqualTo(meant && bit != 3);
        }
    }

    @Test
    void itIsReadFromMemoryLittleEndian() throws GuestAccessException {
        var memory = GuestMemory.anonymous(0x1000, 0x1000);
        memory.setLongLe(0x1040, LINUX_DW0);
        memory.setLongLe(0x1048, 0x4_2000);
        memory.setLongLe(0x1050, 0x5_0000);
        memory.setLongLe(0x1058, 0xff);

        assertThat(ContextDescriptor.read(memory, 0x1040))
                .isEqualTo(ContextDescriptor.decode(LINUX_DW0, 0x4_2000, 0x5_0000, 0xff));
        assertThatThrownBy(() -> ContextDescriptor.read(memory, 0x1ff0))
                .isInstanceOf(GuestAccessException.class);
    }

    @FuzzTest
    void decodingIsTotal(FuzzedDataProvider data) {
        ContextDescriptor cd =
                ContextDescriptor.decode(
                        data.consumeLong(),
                        data.consumeLong(),
                        data.consumeLong(),
                        data.consumeLong());

        assertThat(cd.outputBits()).isBetween(32, 56);
        assertThat(cd.range0().granuleLog2()).isIn(0, 12, 14, 16);
        assertThat(cd.asid()).isBetween(0, 0xffff);
    }
}
