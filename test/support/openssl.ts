import { spawn } from "node:child_process";
import { owned } from "./processes.ts";

/** What became of an `openssl s_client`. */
export interface TlsTalk {
  /** Everything it printed: the certificate shown, the suite, what the server sent. */
  readonly output: string;
  readonly ok: boolean;
}

/**
 * Speaks SIP through OpenSSL's own client: connects, sends `text` once the handshake is done, and waits for `until` or the connection's end.
 * `args` are s_client's, beside the address.
 */
export function sClient(target: string, args: readonly string[], text: string, until: RegExp, ms = 30_000): Promise<TlsTalk> {
  const child = owned(
    spawn("openssl", ["s_client", "-connect", target, "-showcerts", "-nbio", ...args], { stdio: ["pipe", "pipe", "pipe"] }),
  );
  let output = "";
  let sent = false;
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      resolve({ output, ok: until.test(output) });
    };
    const timer = setTimeout(end, ms);
    const take = (data: Buffer) => {
      output += data.toString("latin1");
      if (!sent && /^\s*Verify return code:|^---\s*\nread R BLOCK|^---\s*\nSSL handshake has read/m.test(output)) {
        sent = true;
        child.stdin.write(text);
      }
      if (until.test(output)) end();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.stdin.on("error", () => {});
    child.once("exit", end);
  });
}

let number = 0;

/** A request over TLS, for {@link sClient}; `Q` at a line's start would be a command of its, so there is none. */
export function tlsRequest(method: string, user: string, target: string): string {
  number++;
  return [
    `${method} sip:${user}@${target};transport=tls SIP/2.0`,
    `Via: SIP/2.0/TLS 127.0.0.1:9;branch=z9hG4bK-tls-${process.pid}-${number};rport`,
    `From: <sip:room@127.0.0.1>;tag=${number}`,
    `To: <sip:${user}@${target}>`,
    `Call-ID: tls-${process.pid}-${number}`,
    `CSeq: 1 ${method}`,
    "Contact: <sip:room@127.0.0.1:9;transport=tls>",
    "Max-Forwards: 70",
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}
