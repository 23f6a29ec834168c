package nestor.pci;

import java.util.List;
import java.util.Optional;

/**
 * What a function is and how software has programmed it, at one moment: for people.
 *
 * @param name the device's, for messages
 * @param rid bus [15:8], device [7:3], function [2:0]
 * @param vendor Vendor ID
 * @param device Device ID
 * @param classCode base class, sub-class, programming interface
 * @param subsystemVendor Subsystem Vendor ID; 0 for a bridge
 * @param subsystem Subsystem ID; 0 for a bridge
 * @param busMaster whether it may send requests: Bus Master Enable, here and in the port above
 * @param capabilities those that software enables and disables
 * @param bars its memory BARs
 * @param bridge of a root port
 */
public record FunctionInfo(
        String name,
        int rid,
        int vendor,
        int device,
        int classCode,
        int subsystemVendor,
        int subsystem,
        boolean busMaster,
        List<CapabilityInfo> capabilities,
        List<BarInfo> bars,
        Optional<BridgeInfo> bridge) {
    /**
     * A capability with an Enable bit.
     *
     * @param name as the specification abbreviates it
     * @param detail what else it says, in words; may be empty
     */
    public record CapabilityInfo(String name, boolean enabled, String detail) {}

    /**
     * A memory BAR.
     *
     * @param index of its first register, 0..5
     * @param address it is programmed to
     * @param decoded whether Memory Space is enabled
     */
    public record BarInfo(int index, BarKind kind, long address, long sizeBytes, boolean decoded) {}

    /**
     * A root port's programming. A window whose limit is below its base is closed.
     *
     * @param memoryBase first address of the non-prefetchable window
     * @param memoryLimit last address of it
     * @param prefetchableBase first address of the prefetchable window
     * @param prefetchableLimit last address of it
     */
    public record BridgeInfo(
            int secondaryBus,
            int subordinateBus,
            long memoryBase,
            long memoryLimit,
            long prefetchableBase,
            long prefetchableLimit) {}

    public FunctionInfo {
        capabilities = List.copyOf(capabilities);
        bars = List.copyOf(bars);
    }
}
