package nestor.machine;

import static nestor.machine.DeviceProperty.number;
import static nestor.machine.DeviceProperty.onOff;

import java.util.List;
import nestor.endpoints.dsa.DsaOptions;
import nestor.endpoints.dsa.DsaOptions.InterruptHandles;
import nestor.endpoints.dsa.DsaOptions.TranslationServices;

/** The properties of {@code -device dsa}, and what they make. */
final class DsaProperties {
    static final String DRIVER = "dsa";

    static final List<DeviceProperty> PROPERTIES =
            List.of(
                    number("wqs", "8", "work queues, 1..16"),
                    number("wq-entries", "64", "descriptors that all work queues hold, 1..4096"),
                    number("groups", "4", "groups, 1..8"),
                    number("engines", "4", "engines, 1..8"),
                    number("read-buffers", "32", "read buffers, 1..255"),
                    number(
                            "max-transfer",
                            "2097152",
                            "bytes of a transfer, a power of two from 4096 on"),
                    number("max-batch", "1024", "descriptors of a batch, a power of two, 2..32768"),
                    number(
                            "atc-entries",
                            "1024",
                            "translations cached: 0..8, or 8 times a power of two"),
                    onOff("ats", "on", "ATS capability"),
                    onOff("pri", "on", "page requests, and block on fault; needs ats=on"),
                    onOff(
                            "interrupt-handles",
                            "off",
                            "interrupts are named by handles from commands"));

    private DsaProperties() {}

    static DsaOptions read(DeviceOptions options) throws ConfigException {
        long entries = options.number("atc-entries");
        if (!DsaOptions.isAtcSize(entries)) {
            throw options.wrong(
                    "atc-entries", "must be 0 to 8, or 8 times a power of two up to 1048576");
        }
        return new DsaOptions(
                within(options, "wqs", DsaOptions.MAX_WORK_QUEUES),
                within(options, "wq-entries", DsaOptions.MAX_WORK_QUEUE_ENTRIES),
                within(options, "groups", DsaOptions.MAX_GROUPS),
                within(options, "engines", DsaOptions.MAX_ENGINES),
                within(options, "read-buffers", DsaOptions.MAX_READ_BUFFERS),
                log2(
                        options,
                        "max-transfer",
                        DsaOptions.MIN_TRANSFER_LOG2,
                        DsaOptions.MAX_TRANSFER_LOG2),
                log2(options, "max-batch", 1, DsaOptions.MAX_BATCH_LOG2),
                (int) entries,
                translation(options),
                options.on("interrupt-handles")
                        ? InterruptHandles.REQUESTED
                        : InterruptHandles.TABLE_INDEX);
    }

    private static TranslationServices translation(DeviceOptions options) throws ConfigException {
        if (!options.on("ats")) {
            if (options.on("pri")) {
                throw options.wrong("pri", "must be off with ats=off");
            }
            return TranslationServices.NONE;
        }
        return options.on("pri") ? TranslationServices.ATS_AND_PRI : TranslationServices.ATS;
    }

    private static int within(DeviceOptions options, String name, int max) throws ConfigException {
        long value = options.number(name);
        if (value < 1 || value > max) {
            throw options.wrong(name, "must be 1 to %d".formatted(max));
        }
        return (int) value;
    }

    private static int log2(DeviceOptions options, String name, int min, int max)
            throws ConfigException {
        long value = options.number(name);
        if (value < 1L << min || value > 1L << max || Long.bitCount(value) != 1) {
            throw options.wrong(
                    name, "must be a power of two, %d to %d".formatted(1L << min, 1L << max));
        }
        return Long.numberOfTrailingZeros(value);
    }
}
