package nestor.testkit;

import java.util.Optional;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.testkit.ModelDriver.QueuedRequest;
import nestor.vmm.memory.GuestMemory;

/**
 * A guest with one function of its host's, as {@link AssignedScenarios} see it: a model, and its
 * driver, who does everything through registers, queues, requests and tables. PASIDs are bound to
 * two address spaces, 0 and 1. What a driver submits it waits for.
 */
public interface AssignedGuest extends AutoCloseable {
    /** What a driver is told, in its architecture's words. */
    enum Refusal {
        /** Nothing. */
        NONE,
        /** Something of the function's is not as it was to be: its requests abort. */
        BLOCKED,
        /** Something is cached still, for all that is known: the driver has to try again. */
        NOT_FORGOTTEN
    }

    /** A device of this kernel's, at {@code path}, behind the hardware that the guest is for. */
    SimulatedDevice device(SimulatedHost kernel, String path);

    /** The guest's RAM. */
    GuestMemory memory();

    /** Requester ID of the function. */
    int rid();

    /** Address of a page of RAM that nothing else uses, for {@code number} 0 to 3. */
    long page(int number);

    /** Page tables of an address space, still empty at first. */
    PageTables tables(int space);

    /** The function is there; it is not attached to anything of the guest's. */
    void assign(HostIommu host) throws HostException;

    /** The function is pulled; then the driver clears what it had stated of it. */
    void unassign();

    /** Makes the function one whose PASIDs are translated, or states that again. */
    void attach();

    /** Requests of the function abort, with whatever PASID. */
    void detach();

    /**
     * Changes what belongs to the function as a whole: its stream, domain or context. What its
     * PASIDs are bound to stays.
     */
    void changeContext();

    /** Gives {@code pasid}, 1 to 7, an address space, in place of what it had. */
    void bind(int pasid, int space);

    /** Takes its address space away. */
    void unbind(int pasid);

    /** Says that the translation of a page has changed. */
    void invalidate(int pasid, long iova);

    /** The guest resets the IOMMU, and makes it ready again. */
    void reset();

    /** Whether requests without PASID pass between the reset and {@link #attach}. */
    boolean resetsToBypass();

    /** What the driver was told since the last time. */
    Refusal takeRefusal();

    /** Takes the oldest page request. */
    Optional<QueuedRequest> takePageRequest();

    /** Answers a group. */
    void respond(QueuedRequest last, int code);

    /** Time passes. */
    void advance(long nanos);

    /** Gives memory back. */
    @Override
    default void close() {}
}
