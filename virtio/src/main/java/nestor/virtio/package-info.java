/**
 * What a virtio device is, whatever bus it sits on: features, status, split virtqueues (Virtual I/O
 * Device (VIRTIO) Version 1.3, chapters 2, 3 and 6).
 *
 * <p>A device implements {@link nestor.virtio.VirtioDevice} and is driven by its transport, always
 * on the device's {@link nestor.vmm.loop.DeviceLoop}; the loop runs on the vCPU that rang the
 * doorbell unless it is busy.
 */
package nestor.virtio;
