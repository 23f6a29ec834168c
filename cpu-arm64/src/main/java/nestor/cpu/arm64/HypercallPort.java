package nestor.cpu.arm64;

/** HVC #0 from EL1: the SMC Calling Convention (DEN 0028), PSCI (DEN 0022). vCPU thread. */
@FunctionalInterface
public interface HypercallPort {
    /**
     * Answers one call.
     *
     * @param function the function identifier, X0
     * @return the result for X0; X1-X3 are preserved
     */
    long call(long function, long arg1, long arg2, long arg3);
}
