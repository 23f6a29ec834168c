package nestor.machine;

import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;

/** Every device and IOMMU that can misbehave, by name. Any thread. */
final class ChaosDevices {
    /**
     * One of them.
     *
     * @param known the keys that it may be given
     * @param install runs before its first keys
     */
    private record Member(Chaos chaos, Set<ChaosKey> known, Runnable install) {}

    private final Object lock = new Object();
    private final Map<String, Member> members = new LinkedHashMap<>();

    /**
     * Adds a device that behaves.
     *
     * @param known the keys that it may be given
     * @param install runs once, before its first keys
     */
    void add(String name, Chaos chaos, Set<ChaosKey> known, Runnable install) {
        synchronized (lock) {
            members.put(name, new Member(chaos, Set.copyOf(known), install));
        }
    }

    void remove(String name) {
        synchronized (lock) {
            members.remove(name);
        }
    }

    List<ChaosState> states() {
        synchronized (lock) {
            return members.entrySet().stream()
                    .map(entry -> state(entry.getKey(), entry.getValue()))
                    .toList();
        }
    }

    private static ChaosState state(String name, Member member) {
        Chaos chaos = member.chaos;
        return new ChaosState(name, member.known, chaos.keys(), chaos.seed(), chaos.counts());
    }

    /**
     * Has a device show {@code plan}, and nothing else.
     *
     * @param origin for messages
     * @throws ConfigException if it cannot
     */
    void show(String origin, String name, ChaosPlan plan) throws ConfigException {
        Member member = member(origin, name);
        for (ChaosKey key : plan.keys()) {
            if (!member.known.contains(key)) {
                throw new ConfigException(
                        "%s: '%s': not a key of %s; known: %s"
                                .formatted(
                                        origin,
                                        key.title(),
                                        name,
                                        String.join(", ", ChaosKey.titles(member.known))));
            }
        }
        start(name, member, plan);
    }

    /**
     * Has every device show those keys of {@code plan} that it knows.
     *
     * @param origin for messages
     * @throws ConfigException if no device knows any
     */
    void showAll(String origin, ChaosPlan plan) throws ConfigException {
        Map<String, Member> all;
        synchronized (lock) {
            all = new LinkedHashMap<>(members);
        }
        Set<ChaosKey> unknown = EnumSet.copyOf(plan.keys());
        all.forEach((name, member) -> {
            Set<ChaosKey> keys = EnumSet.copyOf(plan.keys());
            keys.retainAll(member.known);
            unknown.removeAll(keys);
            if (!keys.isEmpty()) {
                start(name, member, new ChaosPlan(keys, plan.seed()));
            }
        });
        if (!unknown.isEmpty()) {
            throw new ConfigException(
                    "%s: no device of the machine knows %s"
                            .formatted(origin, String.join(", ", ChaosKey.titles(unknown))));
        }
    }

    /** Has a device, or all of them, behave again. */
    void end(String origin, Optional<String> name) throws ConfigException {
        if (name.isPresent()) {
            member(origin, name.get()).chaos.set(Set.of(), 0);
            return;
        }
        List<Member> all;
        synchronized (lock) {
            all = List.copyOf(members.values());
        }
        all.forEach(member -> member.chaos.set(Set.of(), 0));
    }

    private Member member(String origin, String name) throws ConfigException {
        synchronized (lock) {
            Member member = members.get(name);
            if (member == null) {
                throw new ConfigException(
                        "%s: no device '%s' that misbehaves%s"
                                .formatted(
                                        origin,
                                        name,
                                        DeviceOptions.suggest(name, members.keySet())));
            }
            return member;
        }
    }

    /** Nothing comes between a device and its bus before somebody wants it to. */
    private void start(String name, Member member, ChaosPlan plan) {
        synchronized (lock) {
            member.install.run();
            members.replace(name, new Member(member.chaos, member.known, () -> {}));
        }
        member.chaos.set(plan.keys(), plan.seed());
    }
}
