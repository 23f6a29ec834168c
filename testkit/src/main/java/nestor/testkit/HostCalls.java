package nestor.testkit;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import nestor.iommu.host.HostException;
import nestor.iommufd.Errno;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi;
import org.jspecify.annotations.Nullable;

/**
 * A host whose calls are seen. Each is written down as the kernel gets it; each can fail; and after
 * each the test may look at what a device's DMA does just then. Whatever {@link HostSystem} has, or
 * will have, is one call. One thread at a time.
 */
public final class HostCalls {
    private final HostSystem kernel;
    private final HostSystem system;
    private final List<MemorySegment> exposed = new ArrayList<>();
    private final List<String> lines = new ArrayList<>();
    private final Map<Ioctl, Integer> lacking = new EnumMap<>(Ioctl.class);
    private Runnable after = () -> {};
    private int counted;
    private int failAt = -1;
    private int errno;
    private int entriesUntilRefusal = -1;
    private boolean watching;

    /** Over a host that carries out what does not fail. */
    public HostCalls(HostSystem kernel) {
        this.kernel = kernel;
        InvocationHandler handler =
                (_, method, arguments) ->
                        invoke(method, arguments == null ? new Object[0] : arguments);
        this.system =
                (HostSystem)
                        Proxy.newProxyInstance(
                                HostSystem.class.getClassLoader(),
                                new Class<?>[] {HostSystem.class},
                                handler);
    }

    /** The host, watched. */
    public HostSystem system() {
        return system;
    }

    /** The call with this number, from 0 on, fails and changes nothing. */
    public void failAt(int call, int newErrno) {
        failAt = call;
        errno = newErrno;
    }

    /** Each such call fails, as on a kernel that lacks it; 0 ends that. */
    public void refuse(Ioctl call, int newErrno) {
        if (newErrno == 0) {
            lacking.remove(call);
        } else {
            lacking.put(call, newErrno);
        }
    }

    /** Whether the call has come that {@link #failAt} named. */
    public boolean hasFailed() {
        return failAt >= 0 && counted > failAt;
    }

    /** The next IOMMU_HWPT_INVALIDATE carries out so many entries, and refuses the one behind. */
    public void refuseEntry(int handled) {
        entriesUntilRefusal = handled;
    }

    /** Calls that could have failed. */
    public int counted() {
        return counted;
    }

    /** Done after each call that could have failed; calls of its own are not seen. */
    public void afterEachCall(Runnable action) {
        after = action;
    }

    /** What the kernel was asked since the last time, and what it answered: a line a call. */
    public List<String> take() {
        List<String> taken = List.copyOf(lines);
        lines.clear();
        return taken;
    }

    /** A descriptor is gone whatever close(2) returns, so it does not fail. */
    private static boolean canFail(Method method) {
        Class<?> result = method.getReturnType();
        boolean fails = result == int.class || result == long.class;
        return fails && !method.getName().equals("close")
                || List.of(method.getExceptionTypes()).contains(HostException.class);
    }

    private @Nullable Object invoke(Method method, Object[] arguments) throws Throwable {
        if (method.getName().equals("expose")) {
            exposed.add((MemorySegment) arguments[0]);
        }
        if (watching || !canFail(method)) {
            return pass(method, arguments);
        }
        String line = line(method, arguments);
        Object result;
        int missing = missing(method, arguments);
        if (counted++ == failAt) {
            result = refuse(method, errno);
        } else if (missing != 0) {
            result = -missing;
        } else if (entriesUntilRefusal >= 0 && line.startsWith("HWPT_INVALIDATE")) {
            result = refuseBehind(method, arguments);
        } else {
            result = pass(method, arguments);
        }
        lines.add(line + answer(method, arguments, result));
        watching = true;
        try {
            after.run();
        } finally {
            watching = false;
        }
        return result;
    }

    private int missing(Method method, Object[] arguments) {
        return method.getName().equals("ioctl")
                ? Ioctl.of((int) arguments[1]).map(call -> lacking.getOrDefault(call, 0)).orElse(0)
                : 0;
    }

    private static Object refuse(Method method, int errno) throws HostException {
        if (method.getReturnType() == int.class) {
            return -errno;
        }
        if (method.getReturnType() == long.class) {
            return (long) -errno;
        }
        throw new HostException(method.getName(), errno);
    }

    /** As a kernel does: the entries that were handled are told with the error. */
    private int refuseBehind(Method method, Object[] arguments) throws Throwable {
        var s = new Struct((MemorySegment) arguments[2]);
        int handled = entriesUntilRefusal;
        entriesUntilRefusal = -1;
        s.word(Uapi.HwptInvalidate.ENTRY_NUM, handled);
        if (handled > 0) {
            pass(method, arguments);
        }
        return -Errno.EIO;
    }

    private @Nullable Object pass(Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(kernel, arguments);
        } catch (InvocationTargetException e) {
            throw e.getTargetException();
        }
    }

    private String line(Method method, Object[] arguments) {
        return switch (method.getName()) {
            case "open" -> "open " + arguments[0];
            case "ioctl" -> ioctl((int) arguments[1], (MemorySegment) arguments[2]);
            case "write" -> "write " + words(new Struct((MemorySegment) arguments[1]), 4);
            default -> method.getName();
        };
    }

    private String ioctl(int request, MemorySegment argument) {
        Ioctl ioctl = Ioctl.of(request).orElse(null);
        if (ioctl == null) {
            return "ioctl 0x%x".formatted(request);
        }
        var s = new Struct(argument);
        return ioctl
                + switch (ioctl) {
                    case DESTROY, IOAS_ALLOC, FAULT_QUEUE_ALLOC, DEVICE_BIND_IOMMUFD ->
                            ioctl == Ioctl.DESTROY ? " " + s.word(4) : "";
                    case IOAS_MAP ->
                            " ioas=%d 0x%x+0x%x"
                                    .formatted(
                                            s.word(Uapi.IoasMap.IOAS_ID),
                                            s.doubleword(Uapi.IoasMap.IOVA),
                                            s.doubleword(Uapi.IoasMap.LENGTH));
                    case GET_HW_INFO -> " dev=" + s.word(Uapi.HwInfo.DEV_ID);
                    case HWPT_ALLOC -> hwpt(s);
                    case HWPT_INVALIDATE -> invalidation(s);
                    case VIOMMU_ALLOC ->
                            " type=%d dev=%d hwpt=%d"
                                    .formatted(
                                            s.word(Uapi.ViommuAlloc.TYPE),
                                            s.word(Uapi.ViommuAlloc.DEV_ID),
                                            s.word(Uapi.ViommuAlloc.HWPT_ID));
                    case VDEVICE_ALLOC ->
                            " viommu=%d dev=%d virt=0x%x"
                                    .formatted(
                                            s.word(Uapi.VdeviceAlloc.VIOMMU_ID),
                                            s.word(Uapi.VdeviceAlloc.DEV_ID),
                                            s.doubleword(Uapi.VdeviceAlloc.VIRT_ID));
                    case VEVENTQ_ALLOC ->
                            " viommu=%d type=%d depth=%d"
                                    .formatted(
                                            s.word(Uapi.VeventqAlloc.VIOMMU_ID),
                                            s.word(Uapi.VeventqAlloc.TYPE),
                                            s.word(Uapi.VeventqAlloc.DEPTH));
                    case DEVICE_ATTACH_IOMMUFD_PT ->
                            pasid(s, Uapi.DeviceAttach.PASID)
                                    + " pt="
                                    + s.word(Uapi.DeviceAttach.PT_ID);
                    case DEVICE_DETACH_IOMMUFD_PT -> pasid(s, Uapi.DeviceDetach.PASID);
                    default -> "";
                };
    }

    private static String pasid(Struct s, int at) {
        boolean has = (s.word(Uapi.DeviceAttach.FLAGS) & Uapi.DeviceAttach.FLAG_PASID) != 0;
        return has ? " pasid=0x%x".formatted(s.word(at)) : "";
    }

    private String hwpt(Struct s) {
        int length = s.word(Uapi.HwptAlloc.DATA_LEN);
        Struct data = at(s.doubleword(Uapi.HwptAlloc.DATA_UPTR), length);
        return " dev=%d pt=%d flags=0x%x type=%d fault=%d %s"
                .formatted(
                        s.word(Uapi.HwptAlloc.DEV_ID),
                        s.word(Uapi.HwptAlloc.PT_ID),
                        s.word(Uapi.HwptAlloc.FLAGS),
                        s.word(Uapi.HwptAlloc.DATA_TYPE),
                        s.word(Uapi.HwptAlloc.FAULT_ID),
                        words(data, 8));
    }

    private String invalidation(Struct s) {
        int length = s.word(Uapi.HwptInvalidate.ENTRY_LEN);
        long address = s.doubleword(Uapi.HwptInvalidate.DATA_UPTR);
        var entries = new StringBuilder();
        for (int i = 0; i < s.word(Uapi.HwptInvalidate.ENTRY_NUM); i++) {
            entries.append(' ').append(words(at(address + (long) i * length, length), 8));
        }
        return " %d type=%d%s"
                .formatted(
                        s.word(Uapi.HwptInvalidate.HWPT_ID),
                        s.word(Uapi.HwptInvalidate.DATA_TYPE),
                        entries);
    }

    /** What a structure points to, in memory that the host was told of. */
    private Struct at(long address, long sizeBytes) {
        for (MemorySegment segment : exposed) {
            long offset = address - segment.address();
            if (offset >= 0 && offset + sizeBytes <= segment.byteSize()) {
                return new Struct(segment.asSlice(offset, sizeBytes));
            }
        }
        return new Struct(MemorySegment.ofArray(new byte[0]));
    }

    private static String words(Struct data, int wordBytes) {
        List<String> words = new ArrayList<>();
        for (long i = 0; i + wordBytes <= data.bytes().byteSize(); i += wordBytes) {
            words.add("%x".formatted(wordBytes == 8 ? data.doubleword(i) : data.word(i)));
        }
        return words.toString();
    }

    /** The number of a new object, what was handled, or an error number. */
    private static String answer(Method method, Object[] arguments, @Nullable Object result) {
        if (result instanceof Integer code && code < 0) {
            return " = " + code; // what an error leaves in a structure is its caller's affair
        }
        if (!method.getName().equals("ioctl")) {
            return "";
        }
        var s = new Struct((MemorySegment) arguments[2]);
        return switch (Ioctl.of((int) arguments[1]).orElse(Ioctl.DESTROY)) {
            case IOAS_ALLOC -> " = " + s.word(Uapi.IoasAlloc.OUT_IOAS_ID);
            case HWPT_ALLOC -> " = " + s.word(Uapi.HwptAlloc.OUT_HWPT_ID);
            case HWPT_INVALIDATE -> " = " + s.word(Uapi.HwptInvalidate.ENTRY_NUM);
            case FAULT_QUEUE_ALLOC -> " = " + s.word(Uapi.FaultQueueAlloc.OUT_FAULT_ID);
            case VIOMMU_ALLOC -> " = " + s.word(Uapi.ViommuAlloc.OUT_VIOMMU_ID);
            case VDEVICE_ALLOC -> " = " + s.word(Uapi.VdeviceAlloc.OUT_VDEVICE_ID);
            case VEVENTQ_ALLOC -> " = " + s.word(Uapi.VeventqAlloc.OUT_VEVENTQ_ID);
            case DEVICE_BIND_IOMMUFD -> " = " + s.word(Uapi.DeviceBind.OUT_DEVID);
            default -> "";
        };
    }
}
