package nestor.endpoints.dsa;

/** The 64 bytes of a descriptor, as a driver writes them. */
final class DescriptorBuilder {
    private final long[] words = new long[8];

    static DescriptorBuilder descriptor(int opcode) {
        DescriptorBuilder builder = new DescriptorBuilder();
        builder.words[0] = (long) opcode << 56;
        return builder;
    }

    /** With a completion record at {@code iova}. */
    DescriptorBuilder completion(long iova) {
        words[1] = iova;
        return flags(0x0c);
    }

    DescriptorBuilder flags(int flags) {
        words[0] |= (long) flags << 32;
        return this;
    }

    DescriptorBuilder withoutFlags(int flags) {
        words[0] &= ~((long) flags << 32);
        return this;
    }

    DescriptorBuilder pasid(int pasid) {
        words[0] |= pasid;
        return this;
    }

    DescriptorBuilder privileged() {
        words[0] |= 1L << 31;
        return this;
    }

    DescriptorBuilder source(long value) {
        words[2] = value;
        return this;
    }

    DescriptorBuilder destination(long value) {
        words[3] = value;
        return this;
    }

    DescriptorBuilder size(long bytes) {
        words[4] = words[4] & ~0xffff_ffffL | bytes;
        return this;
    }

    DescriptorBuilder handle(int handle) {
        words[4] |= (long) handle << 32;
        return flags(0x10);
    }

    DescriptorBuilder word(int index, long value) {
        words[index] = value;
        return this;
    }

    long[] block() {
        return words.clone();
    }

    byte[] bytes() {
        byte[] bytes = new byte[64];
        for (int i = 0; i < words.length; i++) {
            LittleEndian.put(bytes, 8 * i, 8, words[i]);
        }
        return bytes;
    }
}
