/**
 * Sockets of this host: monitors' clients, and character devices. Netty's loop, one thread, handles
 * bytes and nothing else; every buffer is bounded, and no client can make another wait.
 */
package nestor.control.socket;
