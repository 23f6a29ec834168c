package nestor.control.view;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.control.Json;
import nestor.pci.FunctionInfo;
import nestor.pci.Requester;
import nestor.pci.Translation;
import tools.jackson.databind.node.ObjectNode;

/**
 * The question of a walk: {@code FUNCTION [pasid N] [read|write|execute] [privileged] IOVA}.
 *
 * @param function bus:device.function, a Requester ID, or a device's name
 * @param access {@code read}, {@code write} or {@code execute}
 */
public record WalkQuery(
        String function, OptionalInt pasid, long iova, String access, boolean privileged) {
    /** How it is written. */
    public static final String USAGE = "FUNCTION [pasid N] [read|write|execute] [privileged] IOVA";

    private static final int MAX_PASID = (1 << 20) - 1;
    private static final Pattern PLACE =
            Pattern.compile("([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\\.([0-7])");
    private static final Pattern RID = Pattern.compile("0x([0-9a-fA-F]{1,4})");
    private static final int MAX_DEVICE = 0x1f;

    /** What is wrong with a question, for who asked it. */
    public static final class WrongQueryException extends Exception {
        private static final long serialVersionUID = 1L;

        WrongQueryException(String message) {
            super(message);
        }
    }

    /** Reads a question from words. */
    public static WalkQuery parse(List<String> given) throws WrongQueryException {
        Deque<String> words = new ArrayDeque<>(given);
        if (words.size() < 2) {
            throw new WrongQueryException("walk " + USAGE);
        }
        String function = words.removeFirst();
        long iova = number("address", words.removeLast());
        OptionalInt pasid = OptionalInt.empty();
        String access = "read";
        boolean privileged = false;
        while (!words.isEmpty()) {
            String word = words.removeFirst();
            switch (word) {
                case "pasid" -> {
                    if (words.isEmpty()) {
                        throw new WrongQueryException("pasid: the number is missing");
                    }
                    pasid = OptionalInt.of(pasid(number("PASID", words.removeFirst())));
                }
                case "read", "write", "execute" -> access = word;
                case "privileged" -> privileged = true;
                default -> throw new WrongQueryException("'" + word + "'? walk " + USAGE);
            }
        }
        return new WalkQuery(function, pasid, iova, access, privileged);
    }

    /** A number as C writes it. */
    public static long number(String what, String text) throws WrongQueryException {
        try {
            String lower = text.toLowerCase(Locale.ROOT);
            return lower.startsWith("0x")
                    ? Long.parseUnsignedLong(lower.substring(2), 16)
                    : Long.parseUnsignedLong(lower);
        } catch (NumberFormatException _) {
            throw new WrongQueryException("'" + text + "' is no " + what);
        }
    }

    /** A number that is a PASID. */
    public static int pasid(long number) throws WrongQueryException {
        if (Long.compareUnsigned(number, MAX_PASID) > 0) {
            throw new WrongQueryException("a PASID has 20 bits");
        }
        return (int) number;
    }

    /** The requester it is about. */
    public Requester requester(List<FunctionInfo> functions) throws WrongQueryException {
        if (privileged && pasid.isEmpty()) {
            throw new WrongQueryException("privileged requests have a PASID");
        }
        int rid = rid(function, functions);
        return new Requester(rid, pasid.orElse(Requester.NO_PASID), privileged);
    }

    /** The Requester ID of a function, by any of its names. */
    static int rid(String function, List<FunctionInfo> functions) throws WrongQueryException {
        for (FunctionInfo known : functions) {
            if (known.name().equals(function)) {
                return known.rid();
            }
        }
        Matcher place = PLACE.matcher(function);
        if (place.matches() && Integer.parseInt(place.group(2), 16) <= MAX_DEVICE) {
            return Integer.parseInt(place.group(1), 16) << 8
                    | Integer.parseInt(place.group(2), 16) << 3
                    | Integer.parseInt(place.group(3));
        }
        Matcher rid = RID.matcher(function);
        if (rid.matches()) {
            return Integer.parseInt(rid.group(1), 16);
        }
        throw new WrongQueryException(
                "there is no function '" + function + "': give a name, as 00:03.0, or as 0x18");
    }

    /** In the bits of {@link Translation}. */
    public int accessBits() throws WrongQueryException {
        return switch (access) {
            case "read" -> Translation.READ;
            case "write" -> Translation.WRITE;
            case "execute" -> Translation.EXECUTE;
            default -> throw new WrongQueryException("access: read, write or execute");
        };
    }

    /** As arguments of {@code x-nestor-iommu-walk}. */
    public ObjectNode arguments() {
        ObjectNode arguments =
                Json.object()
                        .put("function", function)
                        .put("iova", "0x" + Long.toHexString(iova))
                        .put("access", access)
                        .put("privileged", privileged);
        pasid.ifPresent(number -> arguments.put("pasid", number));
        return arguments;
    }
}
