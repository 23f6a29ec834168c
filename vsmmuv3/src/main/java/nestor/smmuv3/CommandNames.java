package nestor.smmuv3;

import nestor.iommu.oracle.CommandText;
import nestor.smmuv3.command.Command;

/** Commands as IHI 0070, chapter 4 writes them. */
final class CommandNames {
    private CommandNames() {}

    static String text(Command command) {
        return CommandText.of(name(command), (Record) command);
    }

    private static String name(Command command) {
        return switch (command) {
            case Command.Prefetch _ -> "CMD_PREFETCH";
            case Command.CfgiSte _ -> "CMD_CFGI_STE";
            case Command.CfgiSteRange _ -> "CMD_CFGI_STE_RANGE";
            case Command.CfgiCd _ -> "CMD_CFGI_CD";
            case Command.CfgiCdAll _ -> "CMD_CFGI_CD_ALL";
            case Command.CfgiVmsPidm _ -> "CMD_CFGI_VMS_PIDM";
            case Command.TlbiNhAll _ -> "CMD_TLBI_NH_ALL";
            case Command.TlbiNhAsid _ -> "CMD_TLBI_NH_ASID";
            case Command.TlbiNhVa _ -> "CMD_TLBI_NH_VA";
            case Command.TlbiNhVaa _ -> "CMD_TLBI_NH_VAA";
            case Command.TlbiS12VmAll _ -> "CMD_TLBI_S12_VMALL";
            case Command.TlbiS2Ipa _ -> "CMD_TLBI_S2_IPA";
            case Command.TlbiNsnhAll _ -> "CMD_TLBI_NSNH_ALL";
            case Command.TlbiEl2 _ -> "CMD_TLBI_EL2";
            case Command.AtcInv _ -> "CMD_ATC_INV";
            case Command.PriResp _ -> "CMD_PRI_RESP";
            case Command.Resume _ -> "CMD_RESUME";
            case Command.StallTerm _ -> "CMD_STALL_TERM";
            case Command.Sync _ -> "CMD_SYNC";
            case Command.Illegal _ -> "illegal command";
        };
    }
}
