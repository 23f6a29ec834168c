package nestor.hostsim;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.FaultResponse;
import nestor.iommufd.Uapi.PageFault;

/** Page requests on their way to user space, and their answers. */
final class FaultQueue extends HostObject implements HostFile {
    /** A group that waits to be read or answered. */
    record Group(BoundDevice device, int pasid, int grpid, List<Page> pages, int cookie) {}

    /**
     * One page of a group.
     *
     * @param perm of {@link PageFault}
     */
    record Page(int perm, long addr) {}

    /** How a group ended: the code of the answer. */
    interface Ended {
        void ended(Group group, int code);
    }

    private final Deque<Group> unread = new ArrayDeque<>();
    private final Map<Integer, Group> unanswered = new HashMap<>();
    private final Ended ended;
    private boolean open = true;
    private int nextCookie;

    FaultQueue(Ended ended) {
        this.ended = ended;
    }

    void add(BoundDevice device, int pasid, int grpid, List<Page> pages) {
        unread.add(new Group(device, pasid, grpid, List.copyOf(pages), ++nextCookie));
    }

    /** What is about an attachment that goes ends as invalid. */
    void detached(BoundDevice device, int pasid) {
        List<Group> gone = new ArrayList<>(unread);
        gone.addAll(unanswered.values());
        gone.removeIf(group -> group.device() != device || group.pasid() != pasid);
        unread.removeAll(gone);
        unanswered.values().removeAll(gone);
        gone.forEach(group -> ended.ended(group, FaultResponse.INVALID));
    }

    @Override
    public int read(Struct into, long room) throws Refusal {
        Refusal.when(room % PageFault.BYTES != 0, Errno.ESPIPE);
        int at = 0;
        for (Group group = unread.peek(); group != null; group = unread.peek()) {
            int bytes = group.pages().size() * PageFault.BYTES;
            if (at + bytes > room) {
                Refusal.when(at == 0, Errno.EINVAL);
                break;
            }
            unread.remove();
            unanswered.put(group.cookie(), group);
            put(into, at, group);
            at += bytes;
        }
        return at;
    }

    private static void put(Struct into, int first, Group group) {
        boolean pasid = group.pasid() != BoundDevice.NO_PASID;
        int flags = pasid ? PageFault.PASID_VALID : 0;
        for (int i = 0; i < group.pages().size(); i++) {
            Page page = group.pages().get(i);
            boolean last = i + 1 == group.pages().size();
            int at = first + i * PageFault.BYTES;
            into.bytes().asSlice(at, PageFault.BYTES).fill((byte) 0);
            into.word(at + PageFault.FLAGS, flags | (last ? PageFault.LAST_PAGE : 0))
                    .word(at + PageFault.DEV_ID, group.device().id())
                    .word(at + PageFault.PASID, pasid ? group.pasid() : 0)
                    .word(at + PageFault.GRPID, group.grpid())
                    .word(at + PageFault.PERM, page.perm())
                    .doubleword(at + PageFault.ADDR, page.addr())
                    .word(at + PageFault.COOKIE, group.cookie());
        }
    }

    @Override
    public int write(Struct from, long sizeBytes) throws Refusal {
        Refusal.when(sizeBytes % FaultResponse.BYTES != 0, Errno.ESPIPE);
        int at = 0;
        while (at < sizeBytes) {
            int code = from.word(at + FaultResponse.CODE);
            Group group = unanswered.get(from.word(at + FaultResponse.COOKIE));
            boolean known = code == FaultResponse.SUCCESS || code == FaultResponse.INVALID;
            if (group == null || !known) {
                Refusal.when(at == 0, Errno.EINVAL);
                return at;
            }
            unanswered.remove(group.cookie());
            ended.ended(group, code);
            at += FaultResponse.BYTES;
        }
        return at;
    }

    @Override
    public boolean isReadable() {
        return !unread.isEmpty();
    }

    @Override
    public void closed() {
        open = false;
    }

    @Override
    void destroy() throws Refusal {
        Refusal.when(open, Errno.EBUSY);
        super.destroy();
        unread.forEach(group -> ended.ended(group, FaultResponse.INVALID));
        unanswered.values().forEach(group -> ended.ended(group, FaultResponse.INVALID));
    }
}
