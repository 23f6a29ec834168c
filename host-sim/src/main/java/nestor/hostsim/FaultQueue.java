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
    record Group(BoundDevice device, int pasid, int grpid, int perm, long addr, int cookie) {}

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

    void add(BoundDevice device, int pasid, int grpid, int perm, long addr) {
        unread.add(new Group(device, pasid, grpid, perm, addr, ++nextCookie));
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
        while (!unread.isEmpty() && at + PageFault.BYTES <= room) {
            Group group = unread.remove();
            unanswered.put(group.cookie(), group);
            boolean pasid = group.pasid() != BoundDevice.NO_PASID;
            into.bytes().asSlice(at, PageFault.BYTES).fill((byte) 0);
            into.word(
                            at + PageFault.FLAGS,
                            PageFault.LAST_PAGE | (pasid ? PageFault.PASID_VALID : 0))
                    .word(at + PageFault.DEV_ID, group.device().id())
                    .word(at + PageFault.PASID, pasid ? group.pasid() : 0)
                    .word(at + PageFault.GRPID, group.grpid())
                    .word(at + PageFault.PERM, group.perm())
                    .doubleword(at + PageFault.ADDR, group.addr())
                    .word(at + PageFault.COOKIE, group.cookie());
            at += PageFault.BYTES;
        }
        return at;
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
