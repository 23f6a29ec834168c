package nestor.testkit;

/** A fuzzer's input as decisions. */
final class ByteChoices implements Choices {
    private final byte[] bytes;
    private int next;

    ByteChoices(byte[] bytes) {
        this.bytes = bytes.clone();
    }

    @Override
    public long anyLong() {
        return take(Long.BYTES);
    }

    /** Few bytes for small numbers, so that a short input decides a lot. */
    @Override
    public int below(int bound) {
        return (int) (take(bound <= 1 << 8 ? 1 : Integer.BYTES) % bound);
    }

    @Override
    public boolean flip() {
        return (take(1) & 1) != 0;
    }

    private long take(int count) {
        long value = 0;
        for (int i = 0; i < count; i++) {
            int octet = next < bytes.length ? bytes[next] & 0xff : 0;
            next++;
            value |= (long) octet << 8 * i;
        }
        return value;
    }
}
