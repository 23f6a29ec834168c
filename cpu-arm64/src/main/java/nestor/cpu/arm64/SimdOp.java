package nestor.cpu.arm64;

/**
 * An instruction that touches the SIMD&FP registers: trapped as a whole while CPACR_EL1.FPEN
 * disables them (§D17.2.30).
 */
abstract class SimdOp extends Op {}
