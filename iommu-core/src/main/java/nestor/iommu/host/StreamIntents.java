package nestor.iommu.host;

/**
 * Where a model states what its guest means its streams to be attached to; whoever binds assigned
 * devices to the host reconciles that with what is attached. On the model's loop, before the guest
 * is told that the change is made.
 */
@FunctionalInterface
public interface StreamIntents {
    /** For machines without assigned devices. */
    StreamIntents NONE = (_, _, _) -> {};

    /**
     * States an intent, which replaces the one before.
     *
     * @param rid of the function, which need not be an assigned one
     * @param pasid or {@link nestor.pci.Requester#NO_PASID}
     * @throws HostException if the host cannot; the function is blocked then
     */
    void intend(int rid, int pasid, Stage1Intent intent) throws HostException;
}
