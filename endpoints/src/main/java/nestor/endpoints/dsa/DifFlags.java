package nestor.endpoints.dsa;

/**
 * Source or destination DIF flags, a byte of quadword 5 (§5.3).
 *
 * @param bits as the descriptor has them
 */
record DifFlags(int bits) {
    static DifFlags source(Descriptor descriptor) {
        return new DifFlags((int) descriptor.specific(5) & 0xff);
    }

    static DifFlags destination(Descriptor descriptor) {
        return new DifFlags((int) descriptor.specific(5) >>> 8 & 0xff);
    }

    boolean fixesReference() {
        return is(7);
    }

    boolean incrementsApplication() {
        return is(4);
    }

    /** Of a source. */
    boolean skipsReferenceCheck() {
        return is(6);
    }

    boolean skipsGuardCheck() {
        return is(5);
    }

    boolean detectsFApplicationAndReference() {
        return is(3);
    }

    boolean detectsFApplication() {
        return is(2);
    }

    boolean detectsFAll() {
        return is(1);
    }

    boolean failsOnFAll() {
        return is(0);
    }

    /** Of a destination. */
    boolean passesReference() {
        return is(6);
    }

    boolean passesGuard() {
        return is(5);
    }

    boolean passesApplication() {
        return is(3);
    }

    private boolean is(int bit) {
        return (bits >>> bit & 1) != 0;
    }
}
