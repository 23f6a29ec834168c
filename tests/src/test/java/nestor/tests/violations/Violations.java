package nestor.tests.violations;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.netty.channel.Channel;
import java.lang.foreign.Linker;
import jnr.ffi.Pointer;
import picocli.CommandLine;

/** Breaks every rule of ArchitectureTest once, so that each is seen to fail. Never run. */
public final class Violations {
    static int mutable;

    @JsonProperty("jackson")
    private final Object unsafe = Unsafe.class;

    private final Class<?> jnr = Pointer.class;
    private final Class<?> netty = Channel.class;

    private Violations() {}

    static void everything() throws InterruptedException {
        System.out.println(new CommandLine(new Object()));
        Thread.sleep(Linker.nativeLinker().hashCode());
        System.exit(mutable);
    }

    @Override
    public String toString() {
        return unsafe + "" + jnr + netty;
    }

    /** Stands for the real one. */
    static final class Unsafe {}

    /** Named by kind. */
    static final class ThingManager {}
}
