/**
 * The web view: pages that show a machine to a browser of this host, and change nothing. HTTP/1.1
 * (RFC 9112) for the pages, a WebSocket (RFC 6455) for what they show. Netty's loop, one thread,
 * handles bytes; answers are made on one thread of the view's own, one for each client at a time.
 * What a client sends and what waits for it are bounded, and no client can make the machine wait.
 */
package nestor.control.web;
