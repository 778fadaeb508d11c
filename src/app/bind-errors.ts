import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { acmePort } from "./acme-standing.ts";
import type { Config } from "./config/config.ts";

/** A listener of the configuration. */
export interface ConfiguredListener {
  /** Key that names it. */
  readonly key: string;
  readonly protocol: "udp" | "tcp";
  readonly host: string;
  readonly port: number;
}

/** Every listener that this process opens, one for ACME's challenges now and then. Port 0 means any. */
export function configuredListeners(config: Config): ConfiguredListener[] {
  const found: ConfiguredListener[] = [];
  const add = (key: string, protocol: "udp" | "tcp", port: number | null): void => {
    if (port !== null) found.push({ key, protocol, host: config.listen, port });
  };
  if (config.engine.sip === "embedded") {
    add("sip.udp", "udp", config.sip.udp);
    for (const key of ["tcp", "tls", "ws", "wss"] as const) add(`sip.${key}`, "tcp", config.sip[key]);
  }
  add("h323.signalling", "tcp", config.h323.signalling);
  add("h323.tls", "tcp", config.h323.tls);
  add("h323.ras", "udp", config.h323.ras);
  add("h323.multiplex", "udp", config.h323.multiplex);
  add("web.port", "tcp", config.web.port);
  add("web.metrics.port", "tcp", config.web.metrics.port);
  if (config.certificates.acme) add("certificates.acme.port", "tcp", acmePort(config, config.certificates.acme));
  return found;
}

/** Tries to bind a port, and lets it go again. Returns the system's error code, or null when it can be bound. */
export function bindFailure(protocol: "udp" | "tcp", host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const code = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;
    if (protocol === "udp") {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
      socket.once("error", (error) => resolve(code(error)));
      socket.bind(port, host, () => socket.close(() => resolve(null)));
    } else {
      const server = createServer();
      server.once("error", (error) => resolve(code(error)));
      server.listen(port, host, () => server.close(() => resolve(null)));
    }
  });
}

/** In words, what keeps a listener from being opened, and the mend. */
export function bindAdvice({ key, protocol, host, port }: ConfiguredListener, code: string): string {
  const where = `${protocol.toUpperCase()} port ${port} on ${host}`;
  if (code === "EADDRINUSE")
    return `${key}: ${where} is in use by another program. Stop it (ss -lpn "sport = :${port}" names it), or choose another: --set ${key}=PORT`;
  if (code === "EACCES") return `${key}: ${where} may not be opened by this user. Choose one from 1024 up: --set ${key}=PORT`;
  if (code === "EADDRNOTAVAIL") return `listen: ${host} is no address of this machine`;
  return `${key}: ${where} cannot be opened (${code})`;
}

/** A start that failed for a reason the operator can mend; the message says how. */
export class StartError extends Error {
  override name = "StartError";
}

/** Finds the listener that an engine's failure to bind was about, by trying them; the failure itself where there is none. */
export async function explainBindFailure(config: Config, error: unknown, only: (key: string) => boolean): Promise<Error> {
  const text = error instanceof Error ? `${(error as NodeJS.ErrnoException).code ?? ""} ${error.message}` : String(error);
  if (/EADDRINUSE|EACCES|EADDRNOTAVAIL/.test(text)) {
    for (const listener of configuredListeners(config).filter(({ key, port }) => only(key) && port !== 0)) {
      const code = await bindFailure(listener.protocol, listener.host, listener.port);
      if (code !== null) return new StartError(bindAdvice(listener, code));
    }
  }
  return error instanceof Error ? error : new Error(text);
}
