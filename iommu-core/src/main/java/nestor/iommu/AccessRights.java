package nestor.iommu;

import nestor.paging.Access;
import nestor.paging.Permissions;
import nestor.paging.WalkResult;
import nestor.pci.Translation;

/**
 * Between the access bits of a PCIe request ({@link Translation#READ} and its like) and the {@link
 * Permissions} of page tables, which tell privileged from user accesses. Any thread; only {@link
 * #block} allocates.
 */
public final class AccessRights {
    private static final int ALL = Translation.READ | Translation.WRITE | Translation.EXECUTE;

    private static final Access[] UNPRIVILEGED = accesses(false);
    private static final Access[] PRIVILEGED = accesses(true);

    private AccessRights() {}

    private static Access[] accesses(boolean privileged) {
        Access[] all = new Access[ALL + 1];
        for (int access = 0; access <= ALL; access++) {
            all[access] = Access.of(permissions(access, privileged));
        }
        return all;
    }

    /** What a walk for a request needs: {@code access} as a user, or privileged. */
    public static Access needed(int access, boolean privileged) {
        return (privileged ? PRIVILEGED : UNPRIVILEGED)[access & ALL];
    }

    /** {@code access} as a set of {@link Permissions}. */
    public static int permissions(int access, boolean privileged) {
        int permissions = 0;
        if ((access & Translation.READ) != 0) {
            permissions |= privileged ? Permissions.PRIVILEGED_READ : Permissions.USER_READ;
        }
        if ((access & Translation.WRITE) != 0) {
            permissions |= privileged ? Permissions.PRIVILEGED_WRITE : Permissions.USER_WRITE;
        }
        if ((access & Translation.EXECUTE) != 0) {
            permissions |= privileged ? Permissions.PRIVILEGED_EXECUTE : Permissions.USER_EXECUTE;
        }
        return permissions;
    }

    /** The access bits that a set of {@link Permissions} grants. */
    public static int granted(int permissions, boolean privileged) {
        int access = 0;
        for (int bit = Translation.READ; bit <= Translation.EXECUTE; bit <<= 1) {
            if (Permissions.allow(permissions, permissions(bit, privileged))) {
                access |= bit;
            }
        }
        return access;
    }

    /**
     * What a walk has found, as the answer to a request.
     *
     * @param input the address that was walked for
     */
    public static Translation.Mapping block(
            WalkResult.Mapping mapping, long input, boolean privileged) {
        return new Translation.Mapping(
                input & -1L << mapping.sizeLog2(),
                mapping.sizeLog2(),
                mapping.output(),
                granted(mapping.permissions(), privileged));
    }
}
