package nestor.vmm.vcpu;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import nestor.vmm.vcpu.DebugPort.Group;
import nestor.vmm.vcpu.DebugPort.Register;
import org.jspecify.annotations.Nullable;

/** The register file of a {@link DebugPort}: a table of names and of ways to the values. */
public final class DebugRegisters {
    private record Half(LongSupplier reader, @Nullable LongConsumer writer) {}

    private static final Half NO_HALF = new Half(() -> 0, _ -> {});

    private final List<Register> registers = new ArrayList<>();
    private final List<Half> low = new ArrayList<>();
    private final List<Half> high = new ArrayList<>();

    /** Appends a register of up to 64 bits. */
    public void add(String name, int bits, Group group, LongSupplier reader, LongConsumer writer) {
        append(new Register(name, bits, group), new Half(reader, writer), NO_HALF);
    }

    /** Appends a register of up to 64 bits that can only be read. */
    public void addReadOnly(String name, int bits, Group group, LongSupplier reader) {
        append(new Register(name, bits, group), new Half(reader, null), NO_HALF);
    }

    /** Appends a register of 65 to 128 bits that is two words of an array, the lower first. */
    public void add(String name, int bits, Group group, long[] words, int lowIndex) {
        append(
                new Register(name, bits, group),
                new Half(() -> words[lowIndex], value -> words[lowIndex] = value),
                new Half(() -> words[lowIndex + 1], value -> words[lowIndex + 1] = value));
    }

    /** Appends a register of 65 to 128 bits that is read and written in halves. */
    public void add(
            String name,
            int bits,
            Group group,
            LongSupplier lowReader,
            LongConsumer lowWriter,
            LongSupplier highReader,
            LongConsumer highWriter) {
        append(
                new Register(name, bits, group),
                new Half(lowReader, lowWriter),
                new Half(highReader, highWriter));
    }

    private void append(Register register, Half lowHalf, Half highHalf) {
        registers.add(register);
        low.add(lowHalf);
        high.add(highHalf);
    }

    /** The registers, in the order in which they were added. */
    public List<Register> list() {
        return List.copyOf(registers);
    }

    /** See {@link DebugPort#read}. */
    public byte[] read(int register) {
        byte[] bytes =
                ByteBuffer.allocate(2 * Long.BYTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(low.get(register).reader.getAsLong())
                        .putLong(high.get(register).reader.getAsLong())
                        .array();
        return Arrays.copyOf(bytes, registers.get(register).sizeBytes());
    }

    /** See {@link DebugPort#write}. */
    public boolean write(int register, byte[] value) {
        LongConsumer lowWriter = low.get(register).writer;
        LongConsumer highWriter = high.get(register).writer;
        if (lowWriter == null || highWriter == null) {
            return false;
        }
        byte[] bytes = Arrays.copyOf(value, registers.get(register).sizeBytes());
        ByteBuffer words =
                ByteBuffer.wrap(Arrays.copyOf(bytes, 2 * Long.BYTES))
                        .order(ByteOrder.LITTLE_ENDIAN);
        lowWriter.accept(words.getLong());
        highWriter.accept(words.getLong());
        return true;
    }
}
