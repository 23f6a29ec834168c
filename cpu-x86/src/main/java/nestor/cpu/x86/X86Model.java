package nestor.cpu.x86;

/**
 * What a processor is, as software finds out: configured data, the same for all of a machine.
 *
 * @param physicalBits MAXPHYADDR, 36..52
 */
public record X86Model(int physicalBits) {}
