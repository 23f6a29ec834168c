package nestor.cpu.arm64;

/** No system register lives outside the core. */
final class NoGic implements SystemRegisterPort {
    static final NoGic PORT = new NoGic();

    private NoGic() {}

    @Override
    public boolean implemented(int encoding) {
        return false;
    }

    @Override
    public long read(int encoding) {
        throw new IllegalStateException("no system register %x".formatted(encoding));
    }

    @Override
    public void write(int encoding, long value) {
        throw new IllegalStateException("no system register %x".formatted(encoding));
    }
}
