package nestor.hostsim;

import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import nestor.iommufd.Errno;
import nestor.iommufd.Uapi.HwptAlloc;
import org.jspecify.annotations.Nullable;

/** A device that is bound to an iommufd, and what each of its PASIDs is attached to. */
final class BoundDevice extends HostObject {
    static final int NO_PASID = -1;

    private final SimulatedDevice device;
    private final IommufdFile file;
    private final Map<Integer, Hwpt> attached = new TreeMap<>();
    private @Nullable Vdevice vdevice;

    BoundDevice(SimulatedDevice device, IommufdFile file) {
        this.device = device;
        this.file = file;
    }

    SimulatedDevice device() {
        return device;
    }

    Hardware hardware() {
        return device.hardware();
    }

    @Nullable Vdevice vdevice() {
        return vdevice;
    }

    void vdevice(@Nullable Vdevice newVdevice) {
        vdevice = newVdevice;
    }

    @Nullable Hwpt attached(int pasid) {
        return attached.get(pasid);
    }

    /** Attaches or replaces: an IOAS gets an HWPT of its own. The HWPT's number. */
    int attach(int pasid, HostObject target) throws Refusal {
        Hwpt hwpt =
                switch (target) {
                    case Hwpt given -> given;
                    case Ioas ioas -> automatic(pasid, ioas);
                    default -> throw new Refusal(Errno.EINVAL);
                };
        try {
            attach(pasid, hwpt);
        } catch (Refusal refusal) {
            file.dropIfUnused(hwpt);
            throw refusal;
        }
        return hwpt.id();
    }

    private Hwpt automatic(int pasid, Ioas ioas) throws Refusal {
        Hwpt now = attached.get(pasid);
        return now != null && now.isAutomatic() && now.ioas() == ioas
                ? now
                : file.automaticHwpt(hardware(), ioas);
    }

    private void attach(int pasid, Hwpt hwpt) throws Refusal {
        Hwpt before = attached.get(pasid);
        if (before == hwpt) {
            return;
        }
        Refusal.when(hwpt.hardware() != hardware(), Errno.EINVAL);
        checkPasids(pasid, hwpt);
        hardware().checkAttach(this, pasid, hwpt);
        if (before == null || before.ioas() != hwpt.ioas()) {
            hwpt.ioas().enter(key(pasid), hardware().reserved(), hardware().granule());
        }
        hwpt.hold();
        attached.put(pasid, hwpt);
        hardware().attached(this, pasid, hwpt);
        device.record(pasid, hwpt);
        if (before != null) {
            left(pasid, before, hwpt);
        }
    }

    /** A PASID's page table says that it is one for PASIDs, and so does the device's own. */
    private void checkPasids(int pasid, Hwpt hwpt) throws Refusal {
        Hwpt own = attached.get(NO_PASID);
        if (pasid != NO_PASID) {
            Refusal.when(hardware().maxPasidLog2(device) == 0, Errno.EINVAL);
            Refusal.when(pasid >>> hardware().maxPasidLog2(device) != 0, Errno.EINVAL);
            Refusal.when(!hwpt.has(HwptAlloc.PASID), Errno.EINVAL);
            Refusal.when(own != null && !own.has(HwptAlloc.PASID), Errno.EINVAL);
        } else {
            boolean others = attached.keySet().stream().anyMatch(at -> at != NO_PASID);
            Refusal.when(others && !hwpt.has(HwptAlloc.PASID), Errno.EINVAL);
        }
    }

    private Object key(int pasid) {
        return device.key(pasid);
    }

    private void left(int pasid, Hwpt before, @Nullable Hwpt now) {
        before.letGo();
        if (before.faults() != null) {
            before.faults().detached(this, pasid);
        }
        if (now == null || now.ioas() != before.ioas()) {
            before.ioas().leave(key(pasid));
        }
        file.dropIfUnused(before);
    }

    void detach(int pasid) {
        Hwpt before = attached.remove(pasid);
        if (before != null) {
            hardware().attached(this, pasid, null);
            device.record(pasid, null);
            left(pasid, before, null);
        }
    }

    /** Nothing is attached, and the guest's number leads nowhere. */
    void unbind() {
        new TreeSet<>(attached.keySet()).forEach(this::detach);
        if (vdevice != null) {
            vdevice.bury();
            file.remove(vdevice); // its number leads nowhere, and is not used again
            vdevice = null;
        }
        device.bound(null);
    }

    @Override
    void destroy() throws Refusal {
        throw new Refusal(Errno.EBUSY);
    }
}
