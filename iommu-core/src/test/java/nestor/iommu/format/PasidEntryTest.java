package nestor.iommu.format;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.iommu.format.PasidEntry.TranslationType;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class PasidEntryTest {
    /** P, AW 2, PGTT 1. */
    private static final long SVA_QW0 = 1 | 2 << 2 | 1 << 6;

    /** DID 1, PWSNP. */
    private static final long SVA_QW1 = 1 | 1 << 23;

    /** Root of a process at 0x12_3000, 4-level. */
    private static final long SVA_QW2 = 0x12_3000;

    @Test
    void whatLinuxWritesForSvaIsDecoded() {
        PasidEntry entry = PasidEntry.decode(SVA_QW0, SVA_QW1, SVA_QW2, 0);

        assertThat(entry.present()).isTrue();
        assertThat(entry.type()).isEqualTo(TranslationType.FIRST_STAGE);
        assertThat(entry.type().hasFirstStage()).isTrue();
        assertThat(entry.type().hasSecondStage()).isFalse();
        assertThat(entry.domainId()).isEqualTo(1);
        assertThat(entry.pageWalkSnoop()).isTrue();
        assertThat(entry.firstStagePointer()).isEqualTo(0x12_3000);
        assertThat(entry.firstStageLevels()).isEqualTo(4);
        assertThat(entry.secondStageLevels()).isEqualTo(4);
        assertThat(entry.reservedZero()).isTrue();
    }

    @Test
    void aNestedEntryHasBothPointers() {
        long qw0 = 1 | 3 << 2 | 1 << 5 | 3 << 6 | 1 << 9 | 0x77_7000;
        long qw2 = 1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7 | 0x88_8000;
        PasidEntry entry = PasidEntry.decode(qw0, 0xbeef | 1 << 24, qw2, 0);

        assertThat(entry.type()).isEqualTo(TranslationType.NESTED);
        assertThat(entry.secondStagePointer()).isEqualTo(0x77_7000);
        assertThat(entry.secondStageLevels()).isEqualTo(5);
        assertThat(entry.secondStageExecuteEnabled()).isTrue();
        assertThat(entry.secondStageAccessDirty()).isTrue();
        assertThat(entry.firstStagePointer()).isEqualTo(0x88_8000);
        assertThat(entry.firstStageLevels()).isEqualTo(5);
        assertThat(entry.supervisorRequests()).isTrue();
        assertThat(entry.executeRequests()).isFalse();
        assertThat(entry.writeProtect()).isTrue();
        assertThat(entry.noExecute()).isTrue();
        assertThat(entry.supervisorExecutePrevention()).isFalse();
        assertThat(entry.extendedAccessed()).isTrue();
        assertThat(entry.domainId()).isEqualTo(0xbeef);
        assertThat(entry.pageSnoop()).isTrue();
    }

    @Test
    void codesWithoutMeaningHaveNoLevelsAndNoType() {
        assertThat(PasidEntry.decode(0, 0, 0, 0).secondStageLevels()).isZero();
        assertThat(PasidEntry.decode(4 << 2, 0, 0, 0).secondStageLevels()).isZero();
        assertThat(PasidEntry.decode(0, 0, 2 << 2, 0).firstStageLevels()).isZero();
        for (int pgtt : new int[] {0, 5, 6, 7}) {
            assertThat(PasidEntry.decode((long) pgtt << 6, 0, 0, 0).type())
                    .isEqualTo(TranslationType.RESERVED);
        }
    }

    @Test
    void everyReservedBitIsNoticedAndNoOther() {
        for (int bit = 0; bit < 64; bit++) {
            long one = 1L << bit;
            assertThat(PasidEntry.decode(one, 0, 0, 0).reservedZero())
                    .isEqualTo(bit != 10 && bit != 11);
            assertThat(PasidEntry.decode(0, one, 0, 0).reservedZero())
                    .isEqualTo(bit < 16 || bit > 22);
            assertThat(PasidEntry.decode(0, 0, one, 0).reservedZero())
                    .isEqualTo(bit < 8 || bit > 11);
            assertThat(PasidEntry.decode(0, 0, 0, one).reservedZero()).isFalse();
        }
    }

    @Test
    void allEightQuadwordsAreRead() throws GuestAccessException {
        var memory = GuestMemory.anonymous(0x1000, 0x1000);
        memory.setLongLe(0x1040, SVA_QW0);
        memory.setLongLe(0x1048, SVA_QW1);
        memory.setLongLe(0x1050, SVA_QW2);

        assertThat(PasidEntry.read(memory, 0x1040))
                .isEqualTo(PasidEntry.decode(SVA_QW0, SVA_QW1, SVA_QW2, 0));
        for (int word = 3; word < 8; word++) {
            memory.setLongLe(0x1040 + 8L * word, 1L << word);
            assertThat(PasidEntry.read(memory, 0x1040).reservedZero()).isFalse();
            memory.setLongLe(0x1040 + 8L * word, 0);
        }
    }

    @FuzzTest
    void decodingIsTotal(FuzzedDataProvider data) {
        PasidEntry entry =
                PasidEntry.decode(
                        data.consumeLong(),
                        data.consumeLong(),
                        data.consumeLong(),
                        data.consumeLong());

        assertThat(entry.secondStageLevels()).isIn(0, 3, 4, 5);
        assertThat(entry.firstStageLevels()).isIn(0, 4, 5);
        assertThat(entry.domainId()).isBetween(0, 0xffff);
    }
}
