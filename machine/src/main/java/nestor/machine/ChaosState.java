package nestor.machine;

import java.util.Map;
import java.util.Set;
import nestor.pci.ChaosKey;

/**
 * How a device or IOMMU misbehaves at one moment.
 *
 * @param device its name
 * @param known the keys that it may be given
 * @param shown those that it shows
 * @param seed what decides when
 * @param strikes how often each key has had its way
 */
public record ChaosState(
        String device,
        Set<ChaosKey> known,
        Set<ChaosKey> shown,
        long seed,
        Map<ChaosKey, Long> strikes) {
    public ChaosState {
        known = Set.copyOf(known);
        shown = Set.copyOf(shown);
        strikes = Map.copyOf(strikes);
    }
}
