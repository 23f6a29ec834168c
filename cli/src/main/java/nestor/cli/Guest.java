package nestor.cli;

import java.nio.file.Path;
import java.util.Optional;
import nestor.cli.terminal.Terminal;
import nestor.guest.GuestProfile;
import nestor.guest.ImageException;
import nestor.guest.ImageStore;
import nestor.guest.Kernel;
import nestor.host.kvm.KvmSupport;
import nestor.machine.Accelerator;

/**
 * What a machine boots: the user's kernel, or Debian's with an initramfs of ours.
 *
 * @param title for people
 * @param append the kernel's command line
 */
record Guest(String title, Path kernel, Optional<Path> initrd, String append) {
    /**
     * Finds the kernel the plan asks for; fetches it if need be.
     *
     * @param base what Debian's kernel needs on its command line; the user's -append follows
     */
    static Guest of(MachinePlan plan, Host host, Terminal terminal, String base)
            throws ImageException, CommandException {
        if (plan.kernel().isPresent()) {
            Path kernel = plan.kernel().get();
            return new Guest(kernel.toString(), kernel, plan.initrd(), plan.append());
        }
        if (plan.accelerator() == Accelerator.QTEST) {
            return new Guest("no guest", Path.of(""), Optional.empty(), "");
        }
        if (plan.accelerator() == Accelerator.KVM) {
            checkKvm(KvmSupport.ofThisHost());
        }
        ImageStore store = ImageStore.open(new ProgressBar(host.log(), terminal));
        GuestProfile profile = profile(plan);
        Kernel kernel = store.kernel(profile.architecture(), plan.kernelRelease());
        Path initramfs = store.initramfs(kernel, profile);
        return new Guest(
                "Linux " + kernel.release(),
                kernel.image(),
                Optional.of(initramfs),
                (base + " " + plan.append()).strip());
    }

    /** Before the minutes that it takes an emulated kernel to come to what is not emulated. */
    private static void checkKvm(KvmSupport found) throws CommandException {
        Optional<String> refusal = found.stockRefusal();
        if (refusal.isPresent()) {
            throw CommandException.usage("-accel kvm: " + refusal.get());
        }
    }

    private static GuestProfile profile(MachinePlan plan) {
        if (plan.preset().isPresent()) {
            return plan.preset().get().profile();
        }
        if (plan.type().equals(Preset.Q35)) {
            return GuestProfile.VTD;
        }
        boolean iommu =
                plan.devices().stream().anyMatch(d -> d.driver().startsWith("virtio-iommu"));
        return iommu ? GuestProfile.VIRTIO_IOMMU : GuestProfile.NONE;
    }
}
