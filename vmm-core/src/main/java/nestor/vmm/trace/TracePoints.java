package nestor.vmm.trace;

import java.util.List;

/**
 * The trace points of one module, found by {@link java.util.ServiceLoader}: events of the JVM's
 * Flight Recorder that are disabled until somebody records them. {@link jdk.jfr.Name} is the name
 * that QEMU gives to the same point, where it has one.
 */
@FunctionalInterface
public interface TracePoints {
    /** One class for each trace point. */
    List<Class<? extends TracePoint>> events();
}
