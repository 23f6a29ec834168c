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
    private static final List<Class<? extends Checks>> CHAPTERS =
            List.of(
                    ProtocolChecks.class,
                    IoasChecks.class,
                    NestedChecks.class,
                    PasidChecks.class,
                    EventfdChecks.class);

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

    /** All checks, in an order that does not change. */
    public static List<Case> cases() {
        return CHAPTERS.stream().flatMap(HostSuite::cases).toList();
    }

    private static Stream<Case> cases(Class<? extends Checks> chapter) {
        String name = chapter.getSimpleName();
        String prefix = name.substring(0, name.length() - SUFFIX.length()).toLowerCase(Locale.ROOT) + "/";
        return Arrays.stream(chapter.getDeclaredMethods())
                .filter(method -> method.isAnnotationPresent(Check.class))
                .sorted(Comparator.comparing(Method::getName))
                .flatMap(method -> cases(prefix, chapter, method));
    }

    private static Stream<Case> cases(
            String prefix, Class<? extends Checks> chapter, Method method) {
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

    private static void run(
            Class<? extends Checks> chapter, Method method, HostSystem system, Ioctl... arguments)
            throws ReflectiveOperationException {
        Constructor<? extends Checks> constructor =
                chapter.getDeclaredConstructor(HostUnderTest.class);
        try (HostUnderTest host = new HostUnderTest(system)) {
            method.invoke(constructor.newInstance(host), (Object[]) arguments);
        }
    }
}
