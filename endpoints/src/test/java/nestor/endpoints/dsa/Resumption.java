package nestor.endpoints.dsa;

/** What software submits after a fault: the rest, as its record says. */
final class Resumption {
    private static final int[] DIF_BLOCKS = {512, 520, 4096, 4104};

    private final long[] words;
    private int completed;

    Resumption(long[] words) {
        this.words = words;
    }

    /** Bytes that earlier parts have done. */
    int completed() {
        return completed;
    }

    DescriptorBuilder descriptor() {
        DescriptorBuilder next = DescriptorBuilder.descriptor(0);
        for (int i = 0; i < words.length; i++) {
            next.word(i, words[i]);
        }
        return next;
    }

    void go(byte[] record) {
        int done = DsaBench.completed(record);
        int opcode = (int) (words[0] >>> 56);
        switch (opcode) {
            case 0x03 -> rest(done, record[1] == 0 ? done : 0, record[1] == 0 ? done : 0);
            case 0x04 -> {
                words[2] = Long.rotateRight(words[2], done % 8 * 8);
                rest(done, 0, done);
            }
            case 0x05, 0x11, 0x10 -> {
                rest(done, done, opcode == 0x10 ? 0 : done);
                if (opcode != 0x05 && done > 0) {
                    words[0] &= ~(1L << 48);
                    words[5] = DsaBench.specific(record, 16, 8);
                }
            }
            case 0x06 -> {
                words[3] = Long.rotateRight(words[3], done % 8 * 8);
                rest(done, done, 0);
            }
            case 0x09 -> {
                words[5] += done;
                rest(done, done, done);
            }
            case 0x12, 0x13, 0x14, 0x15 -> dif(opcode, done, record);
            default -> {} // deltas: all of it again
        }
    }

    private void rest(int done, int source, int destination) {
        completed += done;
        words[2] += source;
        words[3] += destination;
        words[4] -= done;
    }

    private void dif(int opcode, int done, byte[] record) {
        int block = DIF_BLOCKS[(int) (words[5] >>> 16) & 3];
        int blocks = done / (opcode == 0x13 ? block : block + 8);
        int written = opcode == 0x12 ? 0 : opcode == 0x14 ? block : block + 8;
        if (opcode != 0x13) {
            words[6] = DsaBench.specific(record, 16, 8);
        }
        if (opcode == 0x13 || opcode == 0x15) {
            words[7] = DsaBench.specific(record, 24, 8);
        }
        rest(done, done, blocks * written);
    }
}
