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
      if (step === "greeting" && /auth\/request[^\n]*\n\n/.test(received)) {
        step = "auth";
        received = "";
        socket.write(`auth ${secret}\n\n`);
      } else if (step === "auth" && /Reply-Text:[^\n]*\n/.test(received)) {
        if (!/Reply-Text: \+OK/.test(received)) return finish(new Error(`the event socket at ${where} refuses the password`));
        step = "status";
        received = "";
        socket.write("api sofia status\n\n");
      } else if (step === "status") {
        const header = /Content-Length: (\d+)[^\n]*\n\n/.exec(received);
        if (!header) return;
        const body = received.slice(header.index + header[0].length);
        if (Buffer.byteLength(body) < Number(header[1])) return;
        const running = new RegExp(`^\\s*${profile.replace(/[^\w-]/g, ".")}\\s.*sip:mod_sofia@(?:\\d{1,3}\\.){3}\\d{1,3}:\\d+`, "m").test(
          body,
        );
        finish(running ? undefined : new Error(`the media server at ${where} has no SIP profile ${profile} running`));
      }
    });
  });
}
