package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Optional;
import nestor.endpoints.dsa.DsaRegisters.Cmd;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/**
 * Executes commands, one at a time (§4). A command that waits for descriptors is looked at again
 * after each turn. On the device's loop only.
 */
final class CommandUnit {
    /** Operands of the commands that name work queues: a mask, and which 16 it is of. */
    private static final BitField WQ_MASK = bits(15, 0);

    private static final BitField WQ_GROUP = bits(19, 16);

    /** Operands of the commands on interrupt handles. */
    private static final BitField INTERRUPT_INDEX = bits(15, 0);

    private static final BitField IMS = bit(16);

    /** How a command ended. */
    record Outcome(int error, int result) {
        private static final Outcome DONE = new Outcome(CommandError.NONE, 0);

        private static Outcome of(int error) {
            return new Outcome(error, 0);
        }
    }

    /** A command that waits until no descriptor of the scope is left. */
    private record Waiting(Scope scope, int generation, Runnable then) {}

    private final DsaOptions options;
    private final PciFunction function;
    private final Configuration configuration;
    private final Dispatcher dispatcher;
    private final Runnable clearRegisters;
    private @Nullable Waiting waiting;

    /**
     * @param clearRegisters what Reset Device does to the registers
     */
    CommandUnit(
            DsaOptions options,
            PciFunction function,
            Configuration configuration,
            Dispatcher dispatcher,
            Runnable clearRegisters) {
        this.options = options;
        this.function = function;
        this.configuration = configuration;
        this.dispatcher = dispatcher;
        this.clearRegisters = clearRegisters;
    }

    /** Begins the command; empty if it waits. */
    Optional<Outcome> execute(long cmd) {
        int operand = Cmd.OPERAND.getInt(cmd);
        Command command = Command.of(Cmd.CODE.getInt(cmd), options).orElse(null);
        if (command == null) {
            return Optional.of(Outcome.of(CommandError.INVALID_COMMAND));
        }
        return switch (command) {
            case ENABLE_DEVICE -> Optional.of(Outcome.of(enableDevice()));
            case ENABLE_WQ ->
                    Optional.of(Outcome.of(configuration.enableQueue(operand, function.ats())));
            case RESET_DEVICE -> Optional.of(resetDevice());
            case REQUEST_INTERRUPT_HANDLE -> Optional.of(requestHandle(operand));
            case RELEASE_INTERRUPT_HANDLE -> Optional.of(releaseHandle(operand));
            case DISABLE_DEVICE ->
                    isEnabled() ? disableDevice() : refused(CommandError.DISABLE_NOT_ENABLED);
            case DRAIN_ALL, ABORT_ALL, DRAIN_PASID, ABORT_PASID ->
                    isEnabled() ? onAll(command, operand) : refused(CommandError.NOT_ENABLED);
            case DISABLE_WQ, DRAIN_WQ, ABORT_WQ, RESET_WQ ->
                    isEnabled() ? onQueues(command, operand) : refused(CommandError.NOT_ENABLED);
        };
    }

    /** Whether the command that waited has ended now. */
    Optional<Outcome> poll() {
        Waiting now = waiting;
        if (now == null || isHeld(now.scope())) {
            return Optional.empty();
        }
        waiting = null;
        if (now.generation() != configuration.generation()) {
            return Optional.empty();
        }
        now.then().run();
        return Optional.of(Outcome.DONE);
    }

    private static Optional<Outcome> refused(int error) {
        return Optional.of(Outcome.of(error));
    }

    private boolean isEnabled() {
        return configuration.state() == Configuration.DeviceState.ENABLED;
    }

    private boolean isHeld(Scope scope) {
        return configuration.holds(scope) || dispatcher.holds(scope);
    }

    private Optional<Outcome> await(Scope scope, Runnable then) {
        waiting = new Waiting(scope, configuration.generation(), then);
        return poll();
    }

    private void abort(Scope scope) {
        configuration.discard(scope);
        dispatcher.discard(scope);
    }

    private int enableDevice() {
        boolean masters = function.ats().admits(Requester.withoutPasid(function.rid()));
        boolean disabled = configuration.state() == Configuration.DeviceState.DISABLED;
        return disabled && !masters
                ? CommandError.BUS_MASTER_DISABLED
                : configuration.enableDevice();
    }

    private Optional<Outcome> disableDevice() {
        configuration.close(-1L);
        configuration.drainDevice();
        return await(
                Scope.everything(),
                () -> {
                    configuration.disable(-1L);
                    configuration.disableDevice();
                });
    }

    private Outcome resetDevice() {
        abort(Scope.everything());
        configuration.resetDevice();
        clearRegisters.run();
        return Outcome.DONE;
    }

    private Optional<Outcome> onAll(Command command, int operand) {
        boolean ofPasid = command == Command.DRAIN_PASID || command == Command.ABORT_PASID;
        Scope scope = configuration.soFar(-1L, ofPasid ? operand : Scope.EVERY_PASID);
        if (command == Command.ABORT_ALL || command == Command.ABORT_PASID) {
            abort(scope);
        }
        return await(scope, () -> {});
    }

    private Optional<Outcome> onQueues(Command command, int operand) {
        long queues = WQ_MASK.get(operand);
        if (WQ_GROUP.isSet(operand) || queues >>> options.workQueues() != 0) {
            return refused(CommandError.INVALID_WQ);
        }
        if (command == Command.DISABLE_WQ) {
            configuration.close(queues);
        }
        Scope scope = configuration.soFar(queues, Scope.EVERY_PASID);
        if (command == Command.ABORT_WQ || command == Command.RESET_WQ) {
            abort(scope);
        }
        if (command == Command.RESET_WQ) {
            configuration.resetQueues(queues);
        }
        return await(
                scope,
                command == Command.DISABLE_WQ ? () -> configuration.disable(queues) : () -> {});
    }

    private Outcome requestHandle(int operand) {
        int index = INTERRUPT_INDEX.getInt(operand);
        if (IMS.isSet(operand) || !configuration.hasInterruptEntry(index)) {
            return Outcome.of(CommandError.INTERRUPT_INDEX);
        }
        int handle = configuration.requestHandle(index);
        return handle == InterruptTable.NONE
                ? Outcome.of(CommandError.NO_INTERRUPT_HANDLE)
                : new Outcome(CommandError.NONE, handle);
    }

    private Outcome releaseHandle(int operand) {
        boolean ims = IMS.isSet(operand);
        return !ims && configuration.releaseHandle(INTERRUPT_INDEX.getInt(operand))
                ? Outcome.DONE
                : Outcome.of(CommandError.INTERRUPT_INDEX);
    }
}
