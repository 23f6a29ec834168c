package nestor.iommu.walk;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.vmm.register.BitField;

/**
 * A structure of the guest's memory by the names of its fields.
 *
 * @param name as the specification has it
 * @param section where it is defined
 * @param words that are looked at
 */
public record StructureLayout(String name, String section, int words, List<Field> fields) {
    /**
     * A field.
     *
     * @param word the doubleword it is in
     * @param inPlace whether it is an address, whose low bits are zero
     */
    public record Field(String name, int word, BitField bits, boolean inPlace) {}

    public StructureLayout {
        fields = List.copyOf(fields);
    }

    /** A number. */
    public static Field field(String name, int word, BitField bits) {
        return new Field(name, word, bits, false);
    }

    /** An address. */
    public static Field address(String name, int word, BitField bits) {
        return new Field(name, word, bits, true);
    }

    /** The fields of words that were read. */
    List<WalkField> decode(List<Long> values) {
        List<WalkField> decoded = new ArrayList<>();
        for (Field field : fields) {
            if (field.word < values.size()) {
                long word = values.get(field.word);
                decoded.add(
                        new WalkField(
                                field.name,
                                field.inPlace
                                        ? field.bits.getInPlace(word)
                                        : field.bits.get(word)));
            }
        }
        return decoded;
    }

    /** Bits that are set and belong to no field, by name. */
    public List<String> unknownBits(List<Long> values) {
        List<String> unknown = new ArrayList<>();
        for (int word = 0; word < values.size(); word++) {
            long left = values.get(word);
            for (Field field : fields) {
                left &= field.word == word ? ~field.bits.mask() : -1L;
            }
            for (; left != 0; left &= left - 1) {
                int bit = Long.numberOfTrailingZeros(left);
                unknown.add("bit %d is reserved".formatted(word * Long.SIZE + bit));
            }
        }
        return unknown;
    }

    /** A value that is in no memory: what a driver sent by a request. */
    public WalkStep given(List<Long> values, List<String> errors) {
        return new WalkStep(
                name,
                section,
                Optional.empty(),
                Optional.empty(),
                values,
                decode(values),
                errors,
                List.of());
    }
}
