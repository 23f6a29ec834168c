package nestor.machine;

import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import nestor.pci.ChaosKey;

/**
 * Which unusual behaviours somebody wants, and by which seed.
 *
 * @param keys at least one, none excluding another
 */
public record ChaosPlan(Set<ChaosKey> keys, long seed) {
    static final String KEYS = "chaos";
    static final String SEED = "chaos-seed";

    public ChaosPlan {
        keys = Set.copyOf(keys);
    }

    /** What a device on {@code side} takes for it. */
    static List<DeviceProperty> properties(ChaosKey.Side side) {
        return List.of(
                new DeviceProperty(
                        KEYS,
                        DeviceProperty.Kind.CHAOS,
                        ChaosKey.titles(ChaosKey.of(side)),
                        "",
                        "behave as hardware seldom does: KEY[+KEY...]"),
                DeviceProperty.number(SEED, "", "what decides when (default: drawn and printed)"));
    }

    /** Reads a device's properties; empty if it is to behave. */
    static Optional<ChaosPlan> of(DeviceOptions device, ChaosKey.Side side) throws ConfigException {
        String text = device.text(KEYS);
        if (text.isEmpty()) {
            if (!device.text(SEED).isEmpty()) {
                throw device.wrong(SEED, "without " + KEYS + "=");
            }
            return Optional.empty();
        }
        Set<ChaosKey> keys = keys(device.origin() + ": " + KEYS + "=", text, side);
        long seed = device.text(SEED).isEmpty() ? anySeed() : device.number(SEED);
        return Optional.of(new ChaosPlan(keys, seed));
    }

    /**
     * Reads {@code KEY[+KEY...]}, whoever shows them.
     *
     * @param origin for messages
     * @throws ConfigException if there is no such key
     */
    public static Set<ChaosKey> keys(String origin, String text) throws ConfigException {
        return keys(origin, text, EnumSet.allOf(ChaosKey.class));
    }

    private static Set<ChaosKey> keys(String origin, String text, ChaosKey.Side side)
            throws ConfigException {
        return keys(origin, text, ChaosKey.of(side));
    }

    private static Set<ChaosKey> keys(String origin, String text, Set<ChaosKey> known)
            throws ConfigException {
        Set<ChaosKey> keys = EnumSet.noneOf(ChaosKey.class);
        for (String title : text.split("\\+", -1)) {
            Optional<ChaosKey> key = ChaosKey.titled(title).filter(known::contains);
            if (key.isEmpty()) {
                throw new ConfigException(
                        "%s'%s': unknown key%s"
                                .formatted(
                                        origin,
                                        title.replaceAll("[^ -~]", "?"),
                                        DeviceOptions.suggest(title, ChaosKey.titles(known))));
            }
            for (ChaosKey other : keys) {
                if (other.excludes(key.get())) {
                    throw new ConfigException(
                            "%s'%s': excludes %s".formatted(origin, text, other.title()));
                }
            }
            keys.add(key.get());
        }
        return keys;
    }

    /** A seed that nobody gave. */
    public static long anySeed() {
        return new SecureRandom().nextInt(Integer.MAX_VALUE);
    }

    /** As a device takes it. */
    @Override
    public String toString() {
        return "%s=%s,%s=%d".formatted(KEYS, String.join("+", ChaosKey.titles(keys)), SEED, seed);
    }
}
