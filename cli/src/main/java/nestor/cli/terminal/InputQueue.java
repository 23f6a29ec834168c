package nestor.cli.terminal;

import nestor.vmm.chardev.CharFrontend;

/**
 * Host input waiting for a guest that takes it when it likes. Bounded: a producer that must not
 * lose bytes waits, one that must stay responsive (the terminal, for the sake of Ctrl-A x) is told
 * that they were refused.
 */
final class InputQueue {
    private static final int CAPACITY = 4096;

    private final byte[] pending = new byte[CAPACITY];
    private int length;
    private boolean room = true;

    /** Starts offering to the front end, on a thread of its own. */
    void start(CharFrontend frontend) {
        Thread.ofPlatform().daemon().name("console input").start(() -> deliver(frontend));
    }

    /** The front end has room again. */
    synchronized void resume() {
        room = true;
        notifyAll();
    }

    /** Adds one byte, or refuses it when the queue is full. */
    synchronized boolean offer(byte data) {
        if (length == CAPACITY) {
            return false;
        }
        pending[length++] = data;
        notifyAll();
        return true;
    }

    /** Adds one byte, waiting for a place. */
    synchronized void put(byte data) throws InterruptedException {
        while (!offer(data)) {
            wait();
        }
    }

    private void deliver(CharFrontend frontend) {
        try {
            while (true) {
                byte[] chunk = take();
                int taken = frontend.receive(chunk, 0, chunk.length);
                settle(chunk.length, taken);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Copies what is pending, once there is some and the front end has room. */
    private synchronized byte[] take() throws InterruptedException {
        while (length == 0 || !room) {
            wait();
        }
        // Before the offer: a resume that comes in between must not be lost.
        room = false;
        byte[] chunk = new byte[length];
        System.arraycopy(pending, 0, chunk, 0, length);
        return chunk;
    }

    private synchronized void settle(int offered, int taken) {
        System.arraycopy(pending, taken, pending, 0, length - taken);
        length -= taken;
        room |= taken == offered;
        notifyAll();
    }
}
