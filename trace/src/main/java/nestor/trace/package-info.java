/**
 * Trace points switched on and off by name, and where their events go: text, JSON lines, and the
 * trace-event JSON that Perfetto opens. Events are read on the thread of one {@link
 * jdk.jfr.consumer.RecordingStream}; models format nothing and never wait for a file.
 */
package nestor.trace;
