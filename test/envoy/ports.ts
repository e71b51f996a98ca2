// Where the test server listens, and what Envoy takes the connections there for.

/** Envoy reads these as HTTP (http_connection_manager). */
export const HTTP_PORT = 8080;
/** The same HTTP server, but Envoy copies bytes (tcp_proxy). */
export const TCP_PORT = 8081;
/** A raw TCP server that answers when the client has ended its half. */
export const CLIENT_ENDS_FIRST_PORT = 8082;
/** A raw TCP server that ends its half at once, and goes on reading. */
export const SERVER_ENDS_FIRST_PORT = 8083;
