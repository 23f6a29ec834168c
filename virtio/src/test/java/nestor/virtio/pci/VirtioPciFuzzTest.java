package nestor.virtio.pci;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.ByteBuffer;
import nestor.virtio.testkit.EchoDevice;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;

/**
 * Any sequence of register accesses. Input: steps of an operation byte, a 16-bit offset and a
 * 64-bit value. Operation: bits [1:0] log2 of the access size, [2] write, [5:3] what is accessed,
 * [7] turn the loop afterwards.
 */
class VirtioPciFuzzTest {
    private static final int STEP_BYTES = 11;
    private static final int COMMON = 0x1000;

    @FuzzTest(maxDuration = "10m")
    void anyAccessIsAnsweredWithoutAnException(byte[] input) {
        try (var machine = new TestMachine()) {
            access(machine, input);
        }
    }

    private static void access(TestMachine machine, byte[] input) {
        VirtioDriver driver = machine.plug(1, new EchoDevice(), VirtioPci.Access.PLATFORM);
        ByteBuffer steps = ByteBuffer.wrap(input);
        while (steps.remaining() >= STEP_BYTES) {
            int operation = steps.get();
            int offset = Short.toUnsignedInt(steps.getShort());
            long value = steps.getLong();
            int sizeBytes = 1 << (operation & 3);
            boolean write = (operation & 4) != 0;
            switch (operation >> 3 & 7) {
                case 0 ->
                        config(driver, offset % COMMON & -4, Math.min(sizeBytes, 4), write, value);
                case 1 ->
                        config(
                                driver,
                                driver.pciCfgCapability() + offset % 20 & -4,
                                Math.min(sizeBytes, 4),
                                write,
                                value);
                case 2 -> queue(driver, value);
                default -> {
                    long gpa = driver.structure(1) + offset % 0x4000;
                    if (write) {
                        machine.mmio().write(gpa, sizeBytes, value);
                    } else {
                        machine.mmio().read(gpa, sizeBytes);
                    }
                }
            }
            if ((operation & 0x80) != 0) {
                machine.run();
            }
        }
        machine.run();
    }

    private static void config(
            VirtioDriver driver, int offset, int sizeBytes, boolean write, long value) {
        if (write) {
            driver.config(offset, sizeBytes, value);
        } else {
            driver.config(offset, sizeBytes);
        }
    }

    /** A short cut to a live device, so that the fuzzer need not find the sequence. */
    private static void queue(VirtioDriver driver, long value) {
        driver.negotiate();
        driver.common(0x16, 2, value & 1);
        driver.common(0x20, 8, TestMachine.RAM + (value & 0xfff0));
        driver.common(0x28, 8, TestMachine.RAM + (value >>> 16 & 0xfff0));
        driver.common(0x30, 8, TestMachine.RAM + (value >>> 32 & 0xfff0));
        driver.common(0x1c, 2, 1);
        driver.driverOk();
        driver.notifyQueue((int) value & 1);
    }
}
