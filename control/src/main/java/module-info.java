/** Monitors: QMP and HMP over sockets, and sockets as character devices. */
@org.jspecify.annotations.NullMarked
module nestor.control {
    requires transitive nestor.machine;
    requires transitive nestor.trace;
    requires io.netty.buffer;
    requires io.netty.common;
    requires io.netty.transport;
    requires transitive tools.jackson.databind;
    requires static org.jspecify;

    exports nestor.control;
    exports nestor.control.hmp;
    exports nestor.control.qmp;
    exports nestor.control.socket;
    exports nestor.control.view;
}
