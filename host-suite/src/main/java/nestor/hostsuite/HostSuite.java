package nestor.hostsuite;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;

/** The checks of a host's iommufd, with the devices of its test module (IOMMUFD_TEST). */
public final class HostSuite {
    /** Checks, and what each is made on. */
    private record Chapter(Class<?> checks, Class<? extends Fixture> fixture) {}

    private static final List<Chapter> MOCK =
            List.of(
                    new Chapter(ProtocolChecks.class, HostUnderTest.class),
                    new Chapter(IoasChecks.class, HostUnderTest.class),
                    new Chapter(NestedChecks.class, HostUnderTest.class),
                    new Chapter(PasidChecks.class, HostUnderTest.class),
                    new Chapter(EventfdChecks.class, HostUnderTest.class));

    private static final List<Chapter> ASSIGNED =
            List.of(new Chapter(AssignedChecks.class, AssignedDevice.class));

    private static final String SUFFIX = "Checks";

    private HostSuite() {}

    /** What a check does. */
    @FunctionalInterface
    private interface Body {
        void run(HostSystem system) throws ReflectiveOperationException;
    }

    /**
     * One check.
     *
     * @param name chapter, slash, sentence, and in brackets the ioctl if it is for one
     */
    public record Case(String name, Body body) {
        /**
         * Runs it.
         *
         * @throws AssertionError if the host does not do what the sentence says
         */
        public void run(HostSystem system) {
            try {
                body.run(system);
            } catch (InvocationTargetException e) {
                if (e.getCause() instanceof AssertionError failure) {
                    throw failure;
                }
                throw new AssertionError(e.getCause());
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException(name, e);
            }
        }
    }

    /** The checks of iommufd with mock devices, in an order that does not change. */
    public static List<Case> cases() {
        return MOCK.stream().flatMap(HostSuite::cases).toList();
    }

    /**
     * The checks of an svm-demo function that stalls, behind an SMMUv3, bound to VFIO as its first
     * device.
     */
    public static List<Case> assigned() {
        return ASSIGNED.stream().flatMap(HostSuite::cases).toList();
    }

    private static Stream<Case> cases(Chapter chapter) {
        String name = chapter.checks().getSimpleName();
        String prefix =
                name.substring(0, name.length() - SUFFIX.length()).toLowerCase(Locale.ROOT) + "/";
        return Arrays.stream(chapter.checks().getDeclaredMethods())
                .filter(method -> method.isAnnotationPresent(Check.class))
                .sorted(Comparator.comparing(Method::getName))
                .flatMap(method -> cases(prefix, chapter, method));
    }

    private static Stream<Case> cases(String prefix, Chapter chapter, Method method) {
        String name = prefix + method.getName();
        if (method.getParameterCount() == 0) {
            return Stream.of(new Case(name, system -> run(chapter, method, system)));
        }
        return ProtocolChecks.ioctls()
                .map(ioctl ->
                        new Case(
                                name + "[" + ioctl + "]",
                                system -> run(chapter, method, system, ioctl)));
    }

    private static void run(Chapter chapter, Method method, HostSystem system, Ioctl... arguments)
            throws ReflectiveOperationException {
        Constructor<?> checks = chapter.checks().getDeclaredConstructor(chapter.fixture());
        try (Fixture fixture =
                chapter.fixture().getDeclaredConstructor(HostSystem.class).newInstance(system)) {
            method.invoke(checks.newInstance(fixture), (Object[]) arguments);
        }
    }
}
