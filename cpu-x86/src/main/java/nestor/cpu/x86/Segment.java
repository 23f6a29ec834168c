package nestor.cpu.x86;

/** Numbers of the segment registers, as instructions encode them (2A §2.1, Sreg). */
final class Segment {
    static final int ES = 0;
    static final int CS = 1;
    static final int SS = 2;
    static final int DS = 3;
    static final int FS = 4;
    static final int GS = 5;
    static final int COUNT = 6;

    private Segment() {}
}
