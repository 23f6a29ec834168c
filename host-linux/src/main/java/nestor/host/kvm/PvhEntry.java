package nestor.host.kvm;

/**
 * Where a guest begins by the PVH boot protocol (Xen, docs/misc/pvh.pandoc): in 32-bit protected
 * mode with flat segments and without paging.
 *
 * @param eip the entry point, a physical address below 4 GiB
 * @param ebx the physical address of {@code hvm_start_info}
 */
public record PvhEntry(int eip, int ebx) {}
