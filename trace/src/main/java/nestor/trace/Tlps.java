package nestor.trace;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.pci.InvalidateCompletion;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.PasidPrefix;
import nestor.pci.Requester;
import nestor.vmm.register.BitField;

/**
 * Transaction Layer Packets as bytes, from what functions and the root complex are recorded to send
 * (PCIe Base 6.0, §2.2 in Non-Flit Mode, §6.20, §10.2 to §10.4). A memory request is cut where it
 * would cross 4 KiB (§2.2.7.1); what a record does not say is zero: traffic class, attributes, the
 * root complex's own ID. The payload of memory requests is not recorded.
 */
final class Tlps {
    /**
     * A packet.
     *
     * @param fromFunction whether it goes upstream
     * @param nanos when, since the trace began
     * @param bytes prefix, header, and what of the payload is known
     * @param payloadBytes of the payload that is not in {@code bytes}
     * @param comment what else is known; may be empty
     */
    record Packet(
            boolean fromFunction, long nanos, ByteBuffer bytes, int payloadBytes, String comment) {}

    /** Of one record: a request of gigabytes does not fill the file alone. */
    private static final int MAX_PACKETS = 1024;

    private static final int CUT = 4096;
    private static final int ROOT_COMPLEX = 0;

    /** Fmt and Type (§2.2.1.1), for the header's length in DW or with data. */
    private static final int WITH_DATA = 0x40;

    private static final int FOUR_DW = 0x20;
    private static final int MEMORY = 0x00;
    private static final int COMPLETION = 0x0a;
    private static final int MESSAGE_TO_ROOT = 0x10;
    private static final int MESSAGE_BY_ID = 0x12;

    private static final int PAGE_REQUEST_CODE = 0x04;
    private static final int PAGE_RESPONSE_CODE = 0x05;

    /** Header DW0. */
    private static final BitField FMT_TYPE = BitField.bits(31, 24);

    private static final BitField AT = BitField.bits(11, 10);
    private static final BitField LENGTH = BitField.bits(9, 0);

    /** Header DW1. */
    private static final BitField REQUESTER_ID = BitField.bits(31, 16);

    private static final BitField TAG = BitField.bits(15, 8);
    private static final BitField LAST_BE = BitField.bits(7, 4);
    private static final BitField FIRST_BE = BitField.bits(3, 0);
    private static final BitField MESSAGE_CODE = BitField.bits(7, 0);
    private static final BitField STATUS = BitField.bits(15, 13);
    private static final BitField BYTE_COUNT = BitField.bits(11, 0);
    private static final BitField LOWER_ADDRESS = BitField.bits(6, 0);

    private static final int AT_TRANSLATION_REQUEST = 1;
    private static final int AT_TRANSLATED = 2;
    private static final long NO_WRITE = 1;

    /** Completion Status (§2.2.9.1), by the name of {@link nestor.pci.CompletionStatus}. */
    private static final Map<String, Integer> STATUSES =
            Map.of("SUCCESSFUL", 0, "UNSUPPORTED_REQUEST", 1, "COMPLETER_ABORT", 4);

    private int tag;

    /** The packets of a record; none if it is about something else. */
    List<Packet> of(TraceRecord item) {
        return switch (item.name()) {
            case "dma_read" -> memory(item, false);
            case "dma_write" -> memory(item, true);
            case "ats_translation_request" -> translation(item);
            case "ats_invalidate_request" -> List.of(invalidation(item));
            case "ats_invalidate_completion" -> List.of(invalidated(item));
            case "pri_page_request", "pri_stop_marker" -> List.of(pageRequest(item));
            case "pri_page_response" -> List.of(pageResponse(item));
            default -> List.of();
        };
    }

    private static Requester requester(TraceRecord item) {
        return new Requester(item.rid(), (int) item.number("pasid"), item.flag("privileged"));
    }

    private static Optional<PasidPrefix> prefix(TraceRecord item, boolean execute) {
        return PasidPrefix.of(requester(item), execute);
    }

    private static ByteBuffer bytes(Optional<PasidPrefix> prefix, long[] payload, long... header) {
        int size = (prefix.isPresent() ? 4 : 0) + 4 * header.length + 8 * payload.length;
        ByteBuffer bytes = ByteBuffer.allocate(size); // big-endian, as on the wire
        prefix.ifPresent(dword -> bytes.putInt(dword.dword()));
        for (long dword : header) {
            bytes.putInt((int) dword);
        }
        for (long entry : payload) {
            bytes.putLong(entry);
        }
        return bytes.flip().asReadOnlyBuffer();
    }

    private static long dw0(int formatType, int at, int lengthDw) {
        return LENGTH.set(AT.set(FMT_TYPE.set(0, formatType), at), lengthDw & 0x3ff);
    }

    /** A memory request: 3 DW below 4 GiB, else 4 (§2.2.4.1). */
    private ByteBuffer request(
            TraceRecord item, boolean write, int at, long address, int lengthDw, long enables) {
        boolean wide = address >>> 32 != 0;
        int formatType = MEMORY | (wide ? FOUR_DW : 0) | (write ? WITH_DATA : 0);
        long dw0 = dw0(formatType, at, lengthDw);
        long dw1 = TAG.set(REQUESTER_ID.set(enables, item.rid()), tag);
        return wide
                ? bytes(prefix(item, false), NONE, dw0, dw1, address >>> 32, address)
                : bytes(prefix(item, false), NONE, dw0, dw1, address);
    }

    private static final long[] NONE = {};

    private List<Packet> memory(TraceRecord item, boolean write) {
        List<Packet> packets = new ArrayList<>();
        long at = item.number("address");
        long left = item.number("bytes");
        String status = item.text("status");
        while (left > 0 && packets.size() < MAX_PACKETS) {
            int bytes = (int) Math.min(left, CUT - (at & CUT - 1));
            tag = tag + 1 & 0xff;
            packets.addAll(block(item, write, at, bytes, status));
            at += bytes;
            left -= bytes;
        }
        if (left > 0) {
            Packet last = packets.removeLast();
            packets.add(
                    new Packet(
                            last.fromFunction,
                            last.nanos,
                            last.bytes,
                            last.payloadBytes,
                            last.comment + "; %d more bytes are not shown".formatted(left)));
        }
        return packets;
    }

    /** A write is posted; a read is completed (§2.2.9). */
    private List<Packet> block(
            TraceRecord item, boolean write, long address, int bytes, String status) {
        int offset = (int) address & 3;
        int lengthDw = offset + bytes + 3 >> 2;
        int end = offset + bytes & 3;
        long last = end == 0 ? 0xf : (1L << end) - 1;
        long first = 0xfL << offset & 0xf;
        long enables =
                lengthDw == 1
                        ? FIRST_BE.set(0, first & last)
                        : LAST_BE.set(FIRST_BE.set(0, first), last);
        int type = item.flag("translated") ? AT_TRANSLATED : 0;
        var request =
                new Packet(
                        true,
                        item.nanos(),
                        request(item, write, type, address & -4L, lengthDw, enables),
                        write ? 4 * lengthDw : 0,
                        status);
        if (write || !STATUSES.containsKey(status)) {
            return List.of(request);
        }
        boolean data = status.equals("SUCCESSFUL");
        return List.of(request, completion(item, status, data ? bytes : 4, address, data, NONE));
    }

    private Packet completion(
            TraceRecord item, String status, int bytes, long address, boolean data, long[] known) {
        int lengthDw = data ? ((int) address & 3) + bytes + 3 >> 2 : 0;
        long dw0 = dw0(COMPLETION | (data ? WITH_DATA : 0), 0, lengthDw);
        long dw1 = STATUS.set(REQUESTER_ID.set(0, ROOT_COMPLEX), STATUSES.getOrDefault(status, 0));
        dw1 = BYTE_COUNT.set(dw1, bytes & 0xfff);
        long dw2 = TAG.set(REQUESTER_ID.set(0, item.rid()), tag);
        dw2 = LOWER_ADDRESS.set(dw2, address & 0x7f);
        return new Packet(
                false,
                item.nanos() + item.durationNanos(),
                bytes(Optional.empty(), known, dw0, dw1, dw2),
                4 * lengthDw - 8 * known.length,
                status);
    }

    /** §10.2.2, §10.2.3: two DW for each translation. */
    private List<Packet> translation(TraceRecord item) {
        tag = tag + 1 & 0xff;
        long address = item.number("address") & -4096L | (item.flag("noWrite") ? NO_WRITE : 0);
        int lengthDw = 2 * (int) item.number("translations");
        long enables = LAST_BE.mask() | FIRST_BE.mask();
        var request =
                new Packet(
                        true,
                        item.nanos(),
                        request(item, false, AT_TRANSLATION_REQUEST, address, lengthDw, enables),
                        0,
                        "translation request");
        long[] entries =
                item.text("entries").isEmpty()
                        ? NONE
                        : List.of(item.text("entries").split(" ", -1)).stream()
                                .mapToLong(entry -> Long.parseUnsignedLong(entry, 16))
                                .toArray();
        return List.of(
                request,
                completion(
                        item,
                        item.text("status"),
                        Math.max(4, 8 * entries.length),
                        0,
                        entries.length > 0,
                        entries));
    }

    private static Packet message(
            TraceRecord item,
            boolean fromFunction,
            Optional<PasidPrefix> prefix,
            long[] payload,
            long... header) {
        return new Packet(
                fromFunction,
                item.nanos(),
                bytes(prefix, payload, header),
                0,
                item.text("outcome"));
    }

    /** §10.3.1. */
    private static Packet invalidation(TraceRecord item) {
        var request =
                new InvalidateRequest(
                        item.rid(),
                        (int) item.number("pasid"),
                        (int) item.number("itag"),
                        item.flag("global"),
                        item.number("address"),
                        (int) item.number("sizeLog2"));
        return message(
                item,
                false,
                prefix(item, false),
                new long[] {request.payload()},
                dw0(MESSAGE_BY_ID | FOUR_DW | WITH_DATA, 0, 2),
                request.headerDw1(ROOT_COMPLEX),
                request.headerDw2(),
                0);
    }

    /** §10.3.2. */
    private static Packet invalidated(TraceRecord item) {
        var completion =
                new InvalidateCompletion(
                        item.rid(), ROOT_COMPLEX, 1, 1 << (int) item.number("itag"));
        return message(
                item,
                true,
                Optional.empty(),
                NONE,
                dw0(MESSAGE_BY_ID | FOUR_DW, 0, 0),
                completion.headerDw1(),
                completion.headerDw2(),
                completion.headerDw3());
    }

    /** §10.4.1. */
    private static Packet pageRequest(TraceRecord item) {
        PageRequest request =
                item.name().equals("pri_stop_marker")
                        ? PageRequest.stopMarker(requester(item))
                        : new PageRequest(
                                requester(item),
                                item.number("address"),
                                (int) item.number("access"),
                                (int) item.number("prgIndex"),
                                item.flag("last"));
        return message(
                item,
                true,
                request.prefix(),
                NONE,
                dw0(MESSAGE_TO_ROOT | FOUR_DW, 0, 0),
                MESSAGE_CODE.set(REQUESTER_ID.set(0, item.rid()), PAGE_REQUEST_CODE),
                request.headerDw2(),
                request.headerDw3());
    }

    /** §10.4.2. */
    private static Packet pageResponse(TraceRecord item) {
        var response =
                new PageResponse(
                        item.rid(),
                        (int) item.number("pasid"),
                        (int) item.number("prgIndex"),
                        (int) item.number("code"));
        return message(
                item,
                false,
                prefix(item, false),
                NONE,
                dw0(MESSAGE_BY_ID | FOUR_DW, 0, 0),
                MESSAGE_CODE.set(REQUESTER_ID.set(0, ROOT_COMPLEX), PAGE_RESPONSE_CODE),
                response.headerDw2(),
                0);
    }
}
