package nestor.hostsim;

import nestor.iommufd.Errno;

/** An object of an iommufd: its number, and what holds on to it. */
sealed class HostObject
        permits Ioas,
                Hwpt,
                BoundDevice,
                MockDevice,
                FaultQueue,
                Viommu,
                Vdevice,
                VeventQueue,
                MockAccess {
    private int id;
    private int users;

    int id() {
        return id;
    }

    void number(int newId) {
        id = newId;
    }

    void hold() {
        users++;
    }

    void letGo() {
        users--;
    }

    boolean isHeld() {
        return users > 0;
    }

    /** Ends it; the object table forgets it then. */
    void destroy() throws Refusal {
        Refusal.when(isHeld(), Errno.EBUSY);
    }
}
