package nestor.cpu.arm64;

import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.time.Clock;

/**
 * The Generic Timer of one processing element (DDI 0487, chapter D12): the system counter, and the
 * EL1 virtual and physical timers. The counter runs at 1 GHz, so that a tick is a nanosecond of
 * machine time, and the virtual offset is zero. vCPU thread.
 */
final class GenericTimer {
    /** CNTFRQ_EL0. */
    static final long FREQUENCY_HZ = 1_000_000_000L;

    /** No deadline. */
    static final long NEVER = Long.MAX_VALUE;

    private final Clock clock;
    final Channel virtual;
    final Channel physical;

    GenericTimer(Clock clock, IrqLine virtualLine, IrqLine physicalLine) {
        this.clock = clock;
        virtual = new Channel(virtualLine);
        physical = new Channel(physicalLine);
    }

    /** CNTVCT_EL0, CNTPCT_EL0. */
    long count() {
        return clock.nanos();
    }

    void reset() {
        virtual.reset();
        physical.reset();
    }

    /** Drives the outputs as of now. */
    void poll() {
        if (virtual.deadline != NEVER || physical.deadline != NEVER) {
            long now = count();
            virtual.poll(now);
            physical.poll(now);
        }
    }

    /** When {@link #poll} will next raise an output, in machine time, or {@link #NEVER}. */
    long deadlineNanos() {
        return Math.min(virtual.deadline, physical.deadline);
    }

    /** One timer: CTL, CVAL, TVAL and its output (§D12.2.4). */
    final class Channel {
        private static final long ENABLE = 1;
        private static final long IMASK = 1 << 1;
        private static final long ISTATUS = 1 << 2;

        private final IrqLine line;
        private long control;
        private long compare;
        private boolean asserted;

        /** When the output will rise; NEVER while it is high, masked or disabled. */
        private long deadline = NEVER;

        private Channel(IrqLine line) {
            this.line = line;
        }

        private void reset() {
            control = 0;
            compare = 0;
            update();
        }

        long control() {
            boolean met = (control & ENABLE) != 0 && met();
            return control | (met ? ISTATUS : 0);
        }

        void setControl(long value) {
            control = value & (ENABLE | IMASK);
            update();
        }

        long compareValue() {
            return compare;
        }

        void setCompareValue(long value) {
            compare = value;
            update();
        }

        long timerValue() {
            return (compare - count()) & 0xffff_ffffL;
        }

        void setTimerValue(long value) {
            compare = count() + (int) value;
            update();
        }

        private boolean met() {
            return Long.compareUnsigned(count(), compare) >= 0;
        }

        private void update() {
            boolean armed = (control & (ENABLE | IMASK)) == ENABLE;
            boolean met = armed && met();
            deadline = armed && !met && compare >= 0 ? compare : NEVER;
            drive(met);
        }

        private void poll(long now) {
            if (now >= deadline) {
                deadline = NEVER;
                drive(true);
            }
        }

        private void drive(boolean level) {
            if (asserted != level) {
                asserted = level;
                line.set(level);
            }
        }
    }
}
