package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** A completion record: 32 bytes as four little-endian quadwords (§6.1). */
final class CompletionRecord {
    static final int BYTES = 32;
    static final int QUADWORDS = 4;

    static final BitField STATUS = bits(7, 0);
    static final BitField RESULT = bits(15, 8);
    static final BitField BYTES_COMPLETED = bits(63, 32);

    private final long[] words = new long[QUADWORDS];

    long word(int index) {
        return words[index];
    }

    int status() {
        return STATUS.getInt(words[0]);
    }

    CompletionRecord status(int code) {
        words[0] = STATUS.set(words[0], code);
        return this;
    }

    CompletionRecord result(int value) {
        words[0] = RESULT.set(words[0], value);
        return this;
    }

    /** Bytes, or descriptors of a batch. */
    CompletionRecord completed(long count) {
        words[0] = BYTES_COMPLETED.set(words[0], count);
        return this;
    }

    CompletionRecord faultAddress(long iova) {
        words[1] = iova;
        return this;
    }

    long faultAddress() {
        return words[1];
    }

    /** Quadword 2 or 3: the operation's own. */
    CompletionRecord specific(int quadword, long value) {
        words[quadword] = value;
        return this;
    }
}
