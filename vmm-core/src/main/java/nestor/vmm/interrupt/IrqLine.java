package nestor.vmm.interrupt;

/**
 * A level-sensitive interrupt wire from a device to its interrupt controller. Any thread; no device
 * lock is held by the caller.
 */
@FunctionalInterface
public interface IrqLine {
    /** Drives the wire high ({@code true}, asserted) or low. Idempotent. */
    void set(boolean asserted);
}
