package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import nestor.machine.virt.MemoryMap;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciFunction;
import nestor.pci.PciHost;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Devices that come and go, with a guest that is this test. */
class HotPlugTest {
    private static final int SLOT_CONTROL = 0x18;
    private static final int ON = 0x0100;
    private static final int BLINKS = 0x0200;
    private static final int OFF = 0x0700;

    @TempDir Path folder;

    private final GuestMemory memory = GuestMemory.anonymous(MemoryMap.RAM, 1 << 20);
    private final MmioBus mmio = new MmioBus();
    private final PciHost host =
            new PciHost(
                    MemoryMap.PCI,
                    memory,
                    mmio,
                    new MsiDoorbell(MemoryMap.ITS, 4, (_, _, _) -> {}));
    private final List<String> deleted = new ArrayList<>();
    private final List<Throwable> escaped = new ArrayList<>();
    private Path image;
    private PciDevices devices;
    private HotPlug hotPlug;

    @BeforeEach
    void build() throws IOException, ConfigException {
        image = Files.write(folder.resolve("disk.img"), new byte[4096]);
        DriveConfig hot = new DriveConfig("hot", image, "none", false);
        devices =
                new PciDevices(
                        host,
                        memory,
                        new ManualClock(),
                        Map.of(),
                        List.of(hot),
                        Optional.empty(),
                        AssignedDevices.none(),
                        (_, cause) -> escaped.add(cause));
        devices.plug(
                PciPlan.of(
                        List.of(
                                device("pcie-root-port,id=rp1,addr=1"),
                                device("pcie-root-port,id=rp2,addr=2"),
                                device("edu,id=cold,bus=rp2"),
                                device("virtio-iommu-pci,id=iommu"),
                                device("edu,id=fixed"))));
        host.reset();
        hotPlug = new HotPlug(devices);
        hotPlug.onDeleted(deleted::add);
    }

    @AfterEach
    void close() throws IOException {
        hotPlug.close();
        devices.close();
        memory.close();
        assertThat(escaped).isEmpty();
        assertThat(open()).isZero();
    }

    private static DeviceConfig device(String text) {
        String[] parts = text.split(",", -1);
        Map<String, String> properties = new LinkedHashMap<>();
        for (int i = 1; i < parts.length; i++) {
            String[] pair = parts[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        return new DeviceConfig(parts[0], properties);
    }

    private void add(String text) throws ConfigException {
        hotPlug.add(device(text));
    }

    private long port(int slot) {
        return MemoryMap.PCI.ecamGpa() + ((long) slot << 15);
    }

    private void slotControl(int slot, int value) {
        long at = mmio.read(port(slot) + 0x34, 1);
        while (mmio.read(port(slot) + at, 1) != 0x10) {
            at = mmio.read(port(slot) + at + 1, 1);
        }
        mmio.write(port(slot) + at + SLOT_CONTROL, 2, value);
    }

    private List<String> names() {
        return host.functions().stream().map(PciFunction::name).toList();
    }

    /** Handles of this process on the image. */
    private long open() throws IOException {
        try (Stream<Path> handles = Files.list(Path.of("/proc/self/fd"))) {
            return handles.filter(HotPlugTest.this::isImage).count();
        }
    }

    private boolean isImage(Path handle) {
        try {
            return Files.readSymbolicLink(handle).equals(image);
        } catch (IOException closedMeanwhile) {
            return false;
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "virtio-blk,bus=rp1 | device_add virtio-blk: unknown device; did you mean"
                        + " virtio-blk-pci?",
                "edu,bus=pcie.0 | device_add edu: bus='pcie.0': not hot-pluggable; name a"
                        + " pcie-root-port",
                "edu,bus=rp9 | device_add edu: bus='rp9': no such port; did you mean rp1, rp2?",
                "edu,bus=rp2 | device_add edu: bus='rp2': the port's slot is taken",
                "edu,bus=rp1,id=fixed | device_add edu: id='fixed': another device has it already",
                "edu,bus=rp1,id=rp2 | device_add edu: id='rp2': another device has it already",
                "edu,bus=rp1,id=iommu | device_add edu: id='iommu': another device has it already",
                "edu,bus=rp1,addr=1 | device_add edu: addr='1': behind a root port there is slot 0",
                "virtio-blk-pci,bus=rp1 | device_add virtio-blk-pci: drive= is missing",
                "virtio-blk-pci,bus=rp1,drive=x | device_add virtio-blk-pci: drive='x': no such"
                        + " drive",
                "virtio-blk-pci,bus=rp1,drive=hot,ats=on | device_add virtio-blk-pci: ats='on':"
                        + " needs iommu_platform=on",
                "virtio-iommu-pci,bus=rp1 | device_add virtio-iommu-pci: not hot-pluggable",
                "pcie-root-port,id=rp3 | device_add pcie-root-port: not hot-pluggable",
                "virtio-serial-pci,bus=rp1 | device_add virtio-serial-pci: not hot-pluggable",
            })
    void wrongAdditionsAreNamedAndChangeNothing(String text, String message)
            throws ConfigException {
        List<String> before = names();
        assertThatThrownBy(() -> add(text))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
        assertThat(names()).isEqualTo(before);
        add("virtio-blk-pci,bus=rp1,drive=hot,id=disk1");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "nothing | device_del nothing: no such device; known: cold",
                "cald | device_del cald: no such device; did you mean cold?",
                "fixed | device_del fixed: not hot-pluggable: it is integrated on pcie.0",
                "rp1 | device_del rp1: not hot-pluggable",
                "iommu | device_del iommu: not hot-pluggable",
            })
    void wrongDeletionsAreNamed(String id, String message) {
        assertThatThrownBy(() -> hotPlug.unplug(id))
                .isInstanceOf(ConfigException.class)
                .hasMessage(message);
    }

    @Test
    void theCacheOfADeviceWithAtsIsCountedAsLongAsItIsThere() throws ConfigException {
        add("virtio-blk-pci,bus=rp1,drive=hot,id=disk1,iommu_platform=on,ats=on");
        assertThat(devices.atcStatistics()).containsOnlyKeys("disk1");

        hotPlug.removeSurprise("disk1");

        assertThat(devices.atcStatistics()).isEmpty();
    }

    @Test
    void withoutABusTheFirstEmptyPortIsTaken() throws ConfigException {
        add("edu,id=a");
        assertThat(names()).containsSubsequence("fixed", "a", "cold");
        assertThatThrownBy(() -> add("edu,id=b"))
                .isInstanceOf(ConfigException.class)
                .hasMessageStartingWith("device_add edu: no free port");
    }

    @Test
    void anOrderlyRemovalGivesThePortAndTheDriveBack() throws ConfigException, IOException {
        add("virtio-blk-pci,bus=rp1,drive=hot,id=disk1");
        slotControl(1, ON);
        assertThat(open()).isEqualTo(1);

        hotPlug.unplug("disk1");
        assertThat(deleted).as("the guest has not let go yet").isEmpty();
        slotControl(1, BLINKS);
        assertThatThrownBy(() -> hotPlug.unplug("disk1"))
                .hasMessage("device_del disk1: the guest is busy with the slot; try again");
        slotControl(1, OFF);

        assertThat(deleted).containsExactly("disk1");
        assertThat(names()).doesNotContain("disk1");
        assertThat(open()).isZero();
        add("virtio-blk-pci,bus=rp1,drive=hot,id=disk1");
        assertThat(open()).isEqualTo(1);
    }

    @Test
    void aSurpriseRemovalGivesEverythingBackAtOnce() throws ConfigException, IOException {
        add("virtio-blk-pci,bus=rp1,drive=hot,id=disk1");
        slotControl(1, ON);
        hotPlug.removeSurprise("disk1");
        assertThat(deleted).containsExactly("disk1");
        assertThat(open()).isZero();
        assertThatThrownBy(() -> hotPlug.removeSurprise("disk1"))
                .hasMessageStartingWith("device_remove_surprise disk1: no such device");
    }

    @Test
    void whatWasThereFromTheStartCanLeave() throws ConfigException {
        hotPlug.unplug("cold");
        slotControl(2, OFF);
        assertThat(deleted).containsExactly("cold");
        add("virtio-rng-pci,bus=rp2,id=rng");
        assertThat(names()).contains("rng");
    }

    @Test
    void aResetLetsGoWhatWasAskedToLeave() throws ConfigException {
        hotPlug.unplug("cold");
        devices.reset();
        assertThat(deleted).containsExactly("cold");
    }

    @Test
    void nothingIsAddedToAMachineThatHasEnded() throws IOException {
        hotPlug.close();
        assertThatThrownBy(() -> add("virtio-blk-pci,bus=rp1,drive=hot"))
                .hasMessageContaining("the machine has ended");
        assertThat(open()).isZero();
    }

    @Test
    void aThousandDisksComeAndGoWithoutATrace() throws ConfigException, IOException {
        for (int i = 0; i < 1000; i++) {
            add("virtio-blk-pci,bus=rp1,drive=hot,id=disk" + i);
            slotControl(1, ON);
            if (i % 2 == 0) {
                hotPlug.unplug("disk" + i);
                slotControl(1, OFF);
            } else {
                hotPlug.removeSurprise("disk" + i);
            }
        }
        assertThat(deleted).hasSize(1000).doesNotHaveDuplicates();
        assertThat(open()).isZero();
        assertThat(names()).containsExactly("rp1", "rp2", "iommu", "fixed", "cold");
        assertThat(devices.endpoints()).hasSize(2);
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("disk"));
    }
}
