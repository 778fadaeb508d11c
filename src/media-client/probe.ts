import { connect } from "node:net";

/**
 * Says whether a media server with this password and SIP profile is there, before the library connects: that goes on trying behind its caller's back once it
 * has failed, hangs on a wrong password, and ends the process on a missing profile. Rejects with what to mend.
 */
export function probe(
  options: { readonly address: string; readonly port: number; readonly secret: string; readonly profile?: string },
  withinMs: number,
): Promise<void> {
  const { address, port, secret, profile = "drachtio_mrf" } = options;
  const where = `${address}:${port}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    let received = "";
    let step: "greeting" | "auth" | "status" = "greeting";
    const finish = (error?: Error) => {
      socket.removeAllListeners();
      socket.on("error", () => undefined);
      socket.destroy();
      if (error) reject(error);
      else resolve();
    };
    socket.setTimeout(withinMs, () => finish(new Error(`the event socket at ${where} does not answer`)));
    socket.on("error", (error) => finish(new Error(`no event socket at ${where}: ${error.message}`)));
    socket.on("close", () => finish(new Error(`the event socket at ${where} closes the connection: its access list`)));
    socket.on("data", (data) => {
      received += data.toString("utf8");
      if (/rude-rejection/.test(received)) return finish(new Error(`the event socket at ${where} refuses our address: its access list`));
      if (step === "greeting" && isWhole(received, "auth/request")) {
        step = "auth";
        received = "";
        socket.write(`auth ${secret}\n\n`);
      } else if (step === "auth" && isWhole(received, "Reply-Text:")) {
        if (!/Reply-Text: \+OK/.test(received)) return finish(new Error(`the event socket at ${where} refuses the password`));
        step = "status";
        received = "";
        socket.write("api sofia status\n\n");
      } else if (step === "status") {
        const reply = apiReply(received);
        if (!reply) return;
        const { body, length } = reply;
        if (Buffer.byteLength(body) < length) return;
        const running = body.split("\n").some((line) => isRunning(line, profile));
        finish(running ? undefined : new Error(`the media server at ${where} has no SIP profile ${profile} running`));
      }
    });
  });
}

/** Whether a header block with this text in it has come to its blank line. */
function isWhole(received: string, text: string): boolean {
  const at = received.indexOf(text);
  return at >= 0 && received.includes("\n\n", at);
}

/** The answer to `api`: its body as far as it has come, and the length in bytes it is to have. */
export function apiReply(received: string): { readonly body: string; readonly length: number } | undefined {
  const end = received.indexOf("\n\n");
  if (end < 0) return undefined;
  const at = received.indexOf("Content-Length: ");
  if (at < 0 || at > end) return undefined;
  return { body: received.slice(end + 2), length: Number.parseInt(received.slice(at + 16, end), 10) };
}

/** Whether a line of `sofia status` is this profile's, with an IPv4 address it listens at. */
function isRunning(line: string, profile: string): boolean {
  const [name, ...rest] = line.trim().split(/\s+/);
  return name === profile && rest.some((word) => /^sip:mod_sofia@\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}:\d/.test(word));
}
