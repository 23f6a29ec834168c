/** Monitors: QMP and HMP over sockets, and sockets as character devices; the web view. */
@org.jspecify.annotations.NullMarked
module nestor.control {
    requires transitive nestor.machine;
    requires transitive nestor.trace;
    requires io.netty.buffer;
    requires io.netty.codec;
    requires io.netty.codec.http;
    requires io.netty.common;
    requires io.netty.transport;
    requires transitive tools.jackson.databind;
    requires static org.jspecify;

    exports nestor.control;
    exports nestor.control.hmp;
    exports nestor.control.qmp;
    exports nestor.control.socket;
    exports nestor.control.view;
    exports nestor.control.web;
}
