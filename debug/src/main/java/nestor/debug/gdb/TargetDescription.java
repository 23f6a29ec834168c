package nestor.debug.gdb;

import java.util.List;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Group;
import nestor.vmm.vcpu.DebugPort.Register;

/**
 * The target description (appendix G) of one architecture: the standard features with just the
 * registers that GDB demands of them, and a feature of our own for the system's.
 */
final class TargetDescription {
    private static final String VECTOR_TYPES =
            """
            <vector id="v4f" type="ieee_single" count="4"/>
            <vector id="v2d" type="ieee_double" count="2"/>
            <vector id="v16b" type="uint8" count="16"/>
            <vector id="v8h" type="uint16" count="8"/>
            <vector id="v4s" type="uint32" count="4"/>
            <vector id="v2q" type="uint64" count="2"/>
            <union id="vec128">
              <field name="v4_float" type="v4f"/>
              <field name="v2_double" type="v2d"/>
              <field name="v16_int8" type="v16b"/>
              <field name="v8_int16" type="v8h"/>
              <field name="v4_int32" type="v4s"/>
              <field name="v2_int64" type="v2q"/>
              <field name="uint128" type="uint128"/>
            </union>
            """;

    private static final String FLAGS_TYPE =
            """
            <flags id="eflags_bits" size="4">
              <field name="CF" start="0" end="0"/><field name="" start="1" end="1"/>
              <field name="PF" start="2" end="2"/><field name="AF" start="4" end="4"/>
              <field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/>
              <field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/>
              <field name="DF" start="10" end="10"/><field name="OF" start="11" end="11"/>
              <field name="NT" start="14" end="14"/><field name="RF" start="16" end="16"/>
              <field name="AC" start="18" end="18"/><field name="ID" start="21" end="21"/>
            </flags>
            """;

    private TargetDescription() {}

    /** The document named {@code target.xml}. */
    static String of(DebugPort port) {
        boolean arm = port.architecture() == DebugPort.Architecture.A64;
        StringBuilder xml = new StringBuilder("<?xml version=\"1.0\"?>\n");
        xml.append("<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n");
        xml.append("<architecture>%s</architecture>\n".formatted(arm ? "aarch64" : "i386:x86-64"));
        Group group = null;
        List<Register> registers = port.registers();
        for (Register register : registers) {
            if (register.group() != group) {
                xml.append(group == null ? "" : "</feature>\n");
                group = register.group();
                xml.append("<feature name=\"%s\">\n".formatted(feature(arm, group)));
                xml.append(types(arm, group));
            }
            xml.append(
                    "<reg name=\"%s\" bitsize=\"%d\" type=\"%s\"%s/>\n"
                            .formatted(
                                    register.name(),
                                    register.bits(),
                                    type(register),
                                    options(register)));
        }
        return xml.append("</feature>\n</target>\n").toString();
    }

    private static String feature(boolean arm, Group group) {
        return switch (group) {
            case CORE -> arm ? "org.gnu.gdb.aarch64.core" : "org.gnu.gdb.i386.core";
            case VECTOR -> arm ? "org.gnu.gdb.aarch64.fpu" : "org.gnu.gdb.i386.sse";
            case SEGMENT -> "org.gnu.gdb.i386.segments";
            case SYSTEM -> "org.nestor.system";
        };
    }

    private static String types(boolean arm, Group group) {
        return switch (group) {
            case CORE -> arm ? "" : FLAGS_TYPE;
            case VECTOR -> VECTOR_TYPES;
            case SEGMENT, SYSTEM -> "";
        };
    }

    private static String type(Register register) {
        return switch (register.name()) {
            case "sp", "rsp", "rbp" -> "data_ptr";
            case "pc", "rip" -> "code_ptr";
            case "eflags" -> "eflags_bits";
            default ->
                    switch (register.bits()) {
                        case 80 -> "i387_ext";
                        case 128 -> "vec128";
                        case 32 -> "int32";
                        default -> "int64";
                    };
        };
    }

    private static String options(Register register) {
        boolean x87Control =
                register.name().startsWith("f")
                        && register.group() == Group.CORE
                        && register.bits() == 32
                        && register.name().length() > 2;
        if (x87Control || register.name().startsWith("fpsr") || register.name().equals("fpcr")) {
            return " group=\"float\"";
        }
        return register.group() == Group.SYSTEM ? " group=\"system\" save-restore=\"no\"" : "";
    }
}
