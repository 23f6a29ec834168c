package nestor.machine;

import nestor.vmm.vcpu.DebugStop;

/** What {@link MachineControl} tells its listeners, with the names of QMP's events. */
public sealed interface MachineEvent {
    /** {@code SHUTDOWN}: the machine ends. */
    record Shutdown(Cause cause) implements MachineEvent {}

    /** {@code RESET}: the machine starts anew. */
    record Reset(Cause cause) implements MachineEvent {}

    /** {@code STOP}: no vCPU runs. */
    record Stop() implements MachineEvent {}

    /**
     * A vCPU has met what its debugger asked for; {@link Stop} follows, unless the machine was
     * about to stop anyway.
     */
    record Debugged(int cpu, DebugStop stop) implements MachineEvent {}

    /** {@code RESUME}: the vCPUs run again. */
    record Resume() implements MachineEvent {}

    /** {@code POWERDOWN}: the guest was asked to power off. */
    record Powerdown() implements MachineEvent {}

    /** {@code GUEST_PANICKED}: the guest's kernel has reported its own end. */
    record GuestPanicked() implements MachineEvent {}

    /** {@code DEVICE_DELETED}: a device has left, and its host resources are free. */
    record DeviceDeleted(String id) implements MachineEvent {}

    /** Why a machine ends or restarts. */
    enum Cause {
        HOST_ERROR(false, "host-error"),
        HOST_QMP_QUIT(false, "host-qmp-quit"),
        HOST_QMP_SYSTEM_RESET(false, "host-qmp-system-reset"),
        HOST_SIGNAL(false, "host-signal"),
        HOST_UI(false, "host-ui"),
        GUEST_SHUTDOWN(true, "guest-shutdown"),
        GUEST_RESET(true, "guest-reset"),
        GUEST_PANIC(true, "guest-panic");

        private final boolean guest;
        private final String title;

        Cause(boolean guest, String title) {
            this.guest = guest;
            this.title = title;
        }

        /** Whether the guest caused it. */
        public boolean isGuest() {
            return guest;
        }

        /** A value of QMP's {@code ShutdownCause}. */
        public String title() {
            return title;
        }
    }
}
