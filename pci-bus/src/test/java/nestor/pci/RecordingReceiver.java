package nestor.pci;

import java.util.ArrayList;
import java.util.List;

/** Notes what a function's receivers are told; completes invalidations when the test says so. */
final class RecordingReceiver implements AtsEndpoint {
    final List<InvalidateRequest> invalidations = new ArrayList<>();
    final List<Runnable> completions = new ArrayList<>();
    final List<PageResponse> responses = new ArrayList<>();
    int timesDisabled;

    void completeAll() {
        completions.forEach(Runnable::run);
    }

    /** Codes of the responses, in order. */
    List<Integer> codes() {
        return responses.stream().map(PageResponse::code).toList();
    }

    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        invalidations.add(request);
        completions.add(complete);
    }

    @Override
    public void pageResponse(PageResponse response) {
        responses.add(response);
    }

    @Override
    public void disabled() {
        timesDisabled++;
    }
}
