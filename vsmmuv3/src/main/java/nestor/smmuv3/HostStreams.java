package nestor.smmuv3;

import java.util.function.IntPredicate;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.SmmuCommands;
import nestor.iommu.host.Stage1;
import nestor.iommu.host.Stage1Intent;
import nestor.pci.Requester;
import nestor.smmuv3.command.Command;
import nestor.smmuv3.config.ConfigFault;
import nestor.smmuv3.config.StreamTable;
import nestor.smmuv3.config.StreamTableEntry;
import nestor.smmuv3.event.Event;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * What the guest's stream table entries mean for assigned functions, and the commands that concern
 * what the host caches of them. The table of Context descriptors is left to hardware, which reads
 * it through the host's stage 2; a guest's own stage 2 it cannot walk, so such streams are blocked.
 * A stream that the host refuses aborts, with C_BAD_STE. Loop only.
 */
final class HostStreams {
    private final SmmuV3Options options;
    private final GuestMemory memory;
    private final Translator translator;
    private final HostBinding host;

    HostStreams(
            SmmuV3Options options, GuestMemory memory, Translator translator, HostBinding host) {
        this.options = options;
        this.memory = memory;
        this.translator = translator;
        this.host = host;
    }

    /** States what these streams are to be attached to now. */
    void reconcile(IntPredicate sids) {
        for (int sid : host.assigned()) {
            if (sids.test(sid)) {
                try {
                    host.intend(sid, Requester.NO_PASID, intent(sid));
                } catch (HostException e) {
                    refused(sid);
                }
            }
        }
    }

    private Stage1Intent intent(int sid) {
        Translator.Settings settings = translator.settings();
        if (!settings.enabled()) {
            return settings.bypassAborts() ? Stage1Intent.BLOCKED : Stage1Intent.BYPASS;
        }
        return switch (settings.streams().find(memory, options.fetch(), sid)) {
            case StreamTable.Result.Failed _ -> Stage1Intent.BLOCKED;
            case StreamTable.Result.Found(StreamTableEntry entry, long word0, long word1) ->
                    intent(entry, word0, word1);
        };
    }

    private Stage1Intent intent(StreamTableEntry entry, long word0, long word1) {
        if (!entry.isLegal(options) || entry.aborts() || entry.stage2()) {
            return Stage1Intent.BLOCKED;
        }
        return entry.bypasses()
                ? Stage1Intent.BYPASS
                : new Stage1Intent.Nested(Stage1.SmmuV3.of(word0, word1, options.ats()));
    }

    private void refused(int sid) {
        Requester requester = Requester.withoutPasid(sid);
        ConfigFault fault = ConfigFault.of(ConfigFault.Kind.C_BAD_STE);
        translator.record(Event.config(fault, requester, 0, 0));
    }

    /** A command was carried out here, and is to be at the host before the next CMD_SYNC. */
    void executed(Command command, long word0, long word1) {
        switch (command) {
            case Command.CfgiSte(int sid, _) -> configured(stream -> stream == sid);
            case Command.CfgiSteRange(int sid, int range) -> {
                int dropped = range + 1;
                long block = Integer.toUnsignedLong(sid) >>> dropped;
                configured(stream -> range == 31 || (long) stream >>> dropped == block);
            }
            case Command.CfgiCd(int sid, _, _) -> forward(sid, word0, word1);
            case Command.CfgiCdAll(int sid) -> forward(sid, word0, word1);
            case Command.TlbiNhAll _,
                    Command.TlbiNhAsid _,
                    Command.TlbiNhVa _,
                    Command.TlbiNhVaa _,
                    Command.TlbiS12VmAll _,
                    Command.TlbiNsnhAll _ ->
                    forward(null, word0, word1);
            case Command.Prefetch _, // nothing that an assigned function could have cached,
                    Command.CfgiVmsPidm _, // or what it does not have: ATC_INV, PRI_RESP and
                    Command.TlbiS2Ipa _, // RESUME reach it as an endpoint
                    Command.TlbiEl2 _,
                    Command.AtcInv _,
                    Command.PriResp _,
                    Command.Sync _,
                    Command.Resume _,
                    Command.StallTerm _,
                    Command.Illegal _ -> {}
        }
    }

    /** §4.3.1: the Context descriptors of the stream go with its entry, though that be the same. */
    private void configured(IntPredicate sids) {
        for (int sid : host.assigned()) {
            if (sids.test(sid)) {
                host.invalidate(sid, SmmuCommands.cfgiCdAll(sid));
            }
        }
        reconcile(sids);
    }

    private void forward(@Nullable Integer sid, long word0, long word1) {
        SmmuCommands.of(word0, word1, options.rangeInvalidation())
                .ifPresent(command -> {
                    if (sid == null) {
                        host.invalidate(command);
                    } else {
                        host.invalidate(sid, command);
                    }
                });
    }

    /** False if the host could not have an ATC forget. */
    boolean flush() {
        HostBinding.Flushed flushed = host.flush();
        flushed.blocked().forEach(refused -> refused(refused.rid()));
        for (HostInvalidation.SmmuV3Command command : flushed.commands()) {
            if (SmmuCommands.isAtcInv(command)) {
                return false;
            }
        }
        return true;
    }

    /** Hardware aborted a request of an assigned function. Any thread. */
    void fault(int sid, HostReports.SmmuV3Event event) {
        translator.record(new Event(event.dw0(), event.dw1(), event.dw2(), event.dw3()));
    }
}
