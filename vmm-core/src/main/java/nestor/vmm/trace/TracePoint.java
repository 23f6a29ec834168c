package nestor.vmm.trace;

import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.StackTrace;

/**
 * A trace point: off until it is recorded, and free while it is off. Whoever meets it makes one,
 * asks {@link #shouldCommit}, fills its fields and commits it.
 */
@Enabled(false)
@StackTrace(false)
public abstract class TracePoint extends Event {}
