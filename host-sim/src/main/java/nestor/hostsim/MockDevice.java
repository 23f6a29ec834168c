package nestor.hostsim;

/** The kernel test module's handle of a device: ends the binding with itself. */
final class MockDevice extends HostObject {
    private final BoundDevice bound;
    private final IommufdFile file;

    MockDevice(BoundDevice bound, IommufdFile file) {
        this.bound = bound;
        this.file = file;
    }

    BoundDevice bound() {
        return bound;
    }

    @Override
    void destroy() throws Refusal {
        super.destroy();
        file.unbind(bound);
    }
}
