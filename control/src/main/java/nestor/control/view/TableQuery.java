package nestor.control.view;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.OptionalInt;
import nestor.control.Json;
import nestor.control.view.WalkQuery.WrongQueryException;
import nestor.pci.FunctionInfo;
import nestor.pci.Requester;
import tools.jackson.databind.node.ObjectNode;

/**
 * What is asked of {@code info pgtable}: whose tables, and which addresses of them.
 *
 * @param function as {@link WalkQuery#function}
 * @param first unsigned
 * @param last unsigned, inclusive
 */
public record TableQuery(
        String function, OptionalInt pasid, boolean privileged, long first, long last) {
    /** The topic of {@code info}. */
    public static final String TOPIC = "pgtable";

    /** How it is written. */
    public static final String USAGE = "FUNCTION [pasid N] [privileged] [IOVA [SIZE]]";

    /** Reads a question from words. */
    public static TableQuery parse(List<String> given) throws WrongQueryException {
        Deque<String> words = new ArrayDeque<>(given);
        if (words.isEmpty()) {
            throw new WrongQueryException("info pgtable " + USAGE);
        }
        String function = words.removeFirst();
        OptionalInt pasid = OptionalInt.empty();
        boolean privileged = false;
        if ("pasid".equals(words.peekFirst())) {
            words.removeFirst();
            if (words.isEmpty()) {
                throw new WrongQueryException("pasid: the number is missing");
            }
            long number = WalkQuery.number("PASID", words.removeFirst());
            pasid = OptionalInt.of(WalkQuery.pasid(number));
        }
        if ("privileged".equals(words.peekFirst())) {
            words.removeFirst();
            privileged = true;
        }
        long first = words.isEmpty() ? 0 : WalkQuery.number("address", words.removeFirst());
        long size = words.isEmpty() ? 0 : WalkQuery.number("size", words.removeFirst());
        if (!words.isEmpty()) {
            throw new WrongQueryException("'" + words.removeFirst() + "'? info pgtable " + USAGE);
        }
        return of(function, pasid, privileged, first, size);
    }

    /**
     * From its parts.
     *
     * @param sizeBytes unsigned; 0 for all that follow
     */
    public static TableQuery of(
            String function, OptionalInt pasid, boolean privileged, long first, long sizeBytes)
            throws WrongQueryException {
        long last = sizeBytes == 0 ? -1 : first + (sizeBytes - 1);
        if (Long.compareUnsigned(last, first) < 0) {
            throw new WrongQueryException("the addresses end at 2^64");
        }
        return new TableQuery(function, pasid, privileged, first, last);
    }

    /** The requester it is about. */
    Requester requester(List<FunctionInfo> functions) throws WrongQueryException {
        return new WalkQuery(function, pasid, first, "read", privileged).requester(functions);
    }

    /** As arguments of {@code x-nestor-info}. */
    public ObjectNode arguments() {
        ObjectNode arguments = Json.object().put("topic", TOPIC).put("function", function);
        pasid.ifPresent(number -> arguments.put("pasid", number));
        if (privileged) {
            arguments.put("privileged", true);
        }
        arguments.put("iova", "0x" + Long.toHexString(first));
        if (last != -1) {
            arguments.put("size", "0x" + Long.toHexString(last - first + 1));
        }
        return arguments;
    }
}
