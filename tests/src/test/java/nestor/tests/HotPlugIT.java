package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A stock Debian kernel's pciehp follows devices that come and go, all through the monitor. */
class HotPlugIT {
    private static final Duration BOOT = Duration.ofMinutes(4);
    private static final Duration LIMIT = Duration.ofMinutes(1);
    private static final int DISK_BYTES = 4 << 20;
    private static final String ADD_DISK =
            "device_add virtio-blk-pci,bus=rp1,drive=hot,id=disk1,iommu_platform=on";

    /** The shell's prompt, at the start of a line but for the console's echo. */
    private static final String SHELL = "# ";

    @TempDir Path folder;

    private Path disk() throws IOException {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.err.println("nestor.seed=" + seed);
        byte[] bytes = new byte[DISK_BYTES];
        new Random(seed).nextBytes(bytes);
        return Files.write(folder.resolve("hot.img"), bytes);
    }

    private static String sha256(Path file) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return HexFormat.of().formatHex(digest.digest(Files.readAllBytes(file)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private static NestorSession boot(Path disk) {
        NestorSession guest =
                NestorSession.start(
                        "run",
                        "--timeout",
                        "600",
                        "-device",
                        "virtio-iommu-pci,reserved-regions.0=0x8000000:0x80fffff:1,"
                                + "reserved-regions.1=0x20000000:0x200fffff:0",
                        "-device",
                        "pcie-root-port,id=rp1",
                        "-device",
                        "pcie-root-port,id=rp2",
                        "-drive",
                        "file=%s,if=none,id=hot,readonly=on".formatted(disk));
        guest.await("nestor: guest up", BOOT);
        guest.await(SHELL, LIMIT);
        return guest;
    }

    /** Runs a command in the guest's shell. @return what the console showed meanwhile. */
    private static String shell(NestorSession guest, String command) {
        // The echo of what is typed must not look like the end of what it prints.
        guest.type(command + "; echo do''ne\n");
        return guest.await("^done", LIMIT);
    }

    private static void addDisk(NestorSession guest) {
        assertThat(guest.monitor(ADD_DISK, LIMIT)).doesNotContain("Error");
        guest.await("virtio_blk virtio\\d+: \\[vda\\]", LIMIT);
    }

    @Test
    void devicesComeAndGoAndTheGuestPowersOff() throws IOException {
        Path disk = disk();
        try (NestorSession guest = boot(disk)) {
            assertThat(shell(guest, "cat /sys/kernel/iommu_groups/*/reserved_regions"))
                    .contains("0x0000000008000000 0x00000000080fffff msi")
                    .contains("0x0000000020000000 0x00000000200fffff reserved");
            assertThat(guest.monitor("info pci", LIMIT))
                    .contains("secondary bus 1.", "id \"rp1\"")
                    .doesNotContain("disk1");

            for (int round = 0; round < 2; round++) {
                addDisk(guest);
                assertThat(guest.monitor("info pci", LIMIT))
                        .contains("Bus  1, device   0, function 0:", "id \"disk1\"");
                assertThat(shell(guest, "dd if=/dev/vda iflag=direct bs=64k | sha256sum"))
                        .contains(sha256(disk));
                assertThat(shell(guest, "cat /sys/bus/pci/devices/0000:01:00.0/iommu_group/type"))
                        .contains("DMA");

                assertThat(guest.monitor("device_del disk1", LIMIT)).doesNotContain("Error");
                assertThat(guest.await("DEVICE_DELETED disk1", LIMIT))
                        .contains("pciehp: Slot(1): Button press: will power off in 5 sec");
                assertThat(shell(guest, "ls /sys/block /sys/bus/pci/devices"))
                        .doesNotContain("vda")
                        .doesNotContain("0000:01:00.0");
            }
            assertThat(guest.monitor("device_del disk1", LIMIT))
                    .contains("Error: device_del disk1: no such device");
            pullADeviceWithoutADriver(guest);

            guest.type("poweroff -f\n");
            assertThat(guest.end(LIMIT)).isZero();
            assertThat(guest.output()).contains("Power down").doesNotContain("Call trace");
        }
    }

    private static void pullADeviceWithoutADriver(NestorSession guest) {
        assertThat(guest.monitor("device_add edu,bus=rp2,id=edu1", LIMIT)).doesNotContain("Error");
        guest.await("pci 0000:02:00.0: \\[1234:11e8\\]", LIMIT);
        assertThat(shell(guest, "ls /sys/bus/pci/devices")).contains("0000:02:00.0");
        assertThat(guest.monitor("device_remove_surprise edu1", LIMIT)).doesNotContain("Error");
        guest.await("pciehp: Slot\\(2\\): Card not present", LIMIT);
        assertThat(
                        shell(
                                guest,
                                "while [ -e /sys/bus/pci/devices/*:02:00.0 ]; do sleep 1; done;"
                                        + " ls /sys/bus/pci/devices"))
                .contains("0000:00:02.0")
                .doesNotContain("0000:02:00.0");
    }

    /**
     * Linux's virtio_pci resets a device it removes, and waits for the reset's end in a register
     * that reads as all ones once the device is gone: it gives up neither the wait nor the PCI
     * device, and a power-off waits for that. So the guest of this test is not asked to power off.
     */
    @Test
    void aDiskThatIsPulledWhileItIsReadEndsTheReaderAndNothingElse() throws IOException {
        try (NestorSession guest = boot(disk())) {
            addDisk(guest);
            guest.type(
                    "(while dd if=/dev/vda of=/dev/null iflag=direct bs=64k; do :; done;"
                            + " echo reader-en''ded) &\n");
            guest.await("records out", LIMIT);
            guest.await("records out", LIMIT);

            assertThat(guest.monitor("device_remove_surprise disk1", LIMIT))
                    .doesNotContain("Error");
            assertThat(guest.await("^reader-ended", LIMIT))
                    .contains("DEVICE_DELETED disk1")
                    .contains("pciehp: Slot(1): Link Down", "pciehp: Slot(1): Card not present")
                    .containsPattern("dd: .*/dev/vda.*: ");
            assertThat(shell(guest, "[ -e /sys/block/vda ] || echo go''ne")).contains("gone");
            assertThat(guest.monitor("info pci", LIMIT)).doesNotContain("disk1");

            guest.type("\u0001x");
            assertThat(guest.end(LIMIT)).isZero();
            assertThat(guest.output()).doesNotContain("Call trace");
        }
    }
}
