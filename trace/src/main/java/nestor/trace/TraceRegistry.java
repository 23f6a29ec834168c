package nestor.trace;

import java.util.Collection;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import jdk.jfr.Name;
import nestor.vmm.trace.TracePoint;
import nestor.vmm.trace.TracePoints;

/** The names of all trace points. Any thread. */
public final class TraceRegistry {
    private final SortedSet<String> names = new TreeSet<>();

    /** What the given modules have. */
    public TraceRegistry(Iterable<TracePoints> modules) {
        for (TracePoints points : modules) {
            for (Class<? extends TracePoint> event : points.events()) {
                names.add(event.getAnnotation(Name.class).value());
            }
        }
    }

    /** What the modules of this program have. */
    public static TraceRegistry ofProgram() {
        return new TraceRegistry(ServiceLoader.load(TracePoints.class));
    }

    /** All names, in order. */
    public Collection<String> names() {
        return List.copyOf(names);
    }

    /**
     * The names that a pattern fits.
     *
     * @param glob in which {@code *} stands for any characters and {@code ?} for one
     */
    public Set<String> matching(String glob) {
        return names.stream().filter(name -> fits(glob, name)).collect(Collectors.toSet());
    }

    /** Backtracks to the last star only: linear in the product of the lengths at worst. */
    private static boolean fits(String glob, String name) {
        int g = 0;
        int n = 0;
        int star = -1;
        int resumed = 0;
        while (n < name.length()) {
            char wanted = g < glob.length() ? glob.charAt(g) : 0;
            if (wanted == '*') {
                star = g++;
                resumed = n;
            } else if (wanted == '?' || wanted == name.charAt(n)) {
                g++;
                n++;
            } else if (star >= 0) {
                g = star + 1;
                n = ++resumed;
            } else {
                return false;
            }
        }
        return glob.substring(g).chars().allMatch(c -> c == '*');
    }
}
