import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { apiReply } from "../media-client/probe.ts";

/** What an engine said of itself. */
export type EngineAnswer =
  | { readonly ok: true; readonly version: string; readonly detail: string }
  | { readonly ok: false; readonly reason: string; readonly mend: string };

/**
 * Sends what `next` says and gives every byte to it until it has its answer. `next` returns text to send, an answer, or null to wait.
 * Resolves with a failure when the connection cannot be made, ends, or nothing comes for three seconds.
 */
function converse(
  host: string,
  port: number,
  next: (received: string) => string | EngineAnswer | null,
  mend: string,
): Promise<EngineAnswer> {
  return new Promise((resolve) => {
    let received = "";
    const socket = connect({ host, port });
    const end = (answer: EngineAnswer): void => {
      socket.destroy();
      resolve(answer);
    };
    const step = (): void => {
      const said = next(received);
      if (typeof said === "string") socket.write(said);
      else if (said) end(said);
    };
    socket.setEncoding("utf8").setTimeout(3000);
    socket.once("connect", step);
    socket.on("data", (data: string) => {
      received += data;
      step();
    });
    socket.once("timeout", () => end({ ok: false, reason: `${host}:${port} does not answer`, mend }));
    socket.once("error", (error) =>
      end({ ok: false, reason: `${host}:${port}: ${(error as NodeJS.ErrnoException).code ?? error.message}`, mend }),
    );
    socket.once("end", () => end({ ok: false, reason: `${host}:${port} ended the connection`, mend }));
  });
}

/** Asks drachtio-server for its version and listeners, with its own protocol. */
export function askDrachtio(host: string, port: number, secret: string): Promise<EngineAnswer> {
  let asked = false;
  return converse(
    host,
    port,
    (received) => {
      if (!asked) {
        asked = true;
        const text = `${randomUUID()}|authenticate|${secret}|`;
        return `${Buffer.byteLength(text)}#${text}`;
      }
      const parts = /^\d+#(.*)/s.exec(received)?.[1]?.split("|");
      if (!parts || parts.length < 4) return null;
      if (parts[3]?.trim() !== "OK") {
        return {
          ok: false,
          reason: `drachtio-server refuses: ${parts.slice(4).join(" ").trim() || parts[3]}`,
          mend: "make engine.drachtio.secret the secret of drachtio.conf.xml",
        };
      }
      return { ok: true, version: parts[5]?.trim() ?? "unknown", detail: parts[4] ?? "" };
    },
    "start drachtio-server, and check engine.drachtio.host and port",
  );
}

/** Asks FreeSWITCH for its version and for the SIP profile that the gateway uses, by the event socket. */
export function askFreeSwitch(host: string, port: number, password: string, profile: string): Promise<EngineAnswer> {
  let stage = 0;
  let seen = 0;
  let version = "";
  return converse(
    host,
    port,
    (received) => {
      const rest = received.slice(seen);
      if (stage === 0) {
        if (rest.includes("rude-rejection"))
          return { ok: false, reason: "FreeSWITCH refuses this address", mend: "allow it in acl.conf.xml, or listen where the gateway is" };
        if (!rest.includes("auth/request\n\n")) return null;
        stage = 1;
        seen = received.length;
        return `auth ${password}\n\n`;
      }
      if (stage === 1) {
        if (!rest.includes("\n\n", rest.indexOf("Reply-Text: ")) || !rest.includes("Reply-Text: ")) return null;
        if (!rest.includes("+OK"))
          return {
            ok: false,
            reason: "FreeSWITCH refuses the password",
            mend: "make engine.freeswitch.password that of event_socket.conf.xml",
          };
        stage = 2;
        seen = received.length;
        return "api version\n\n";
      }
      const body = apiBody(rest);
      if (body === null) return null;
      seen = received.length;
      if (stage === 2) {
        version = /Version (\S+)/.exec(body)?.[1] ?? body.trim();
        stage = 3;
        return "api sofia status\n\n";
      }
      const line = body.split("\n").find((row) => row.trim().split(/\s+/, 2).join(" ") === `${profile} profile`);
      if (!line || !/RUNNING/.test(line)) {
        return {
          ok: false,
          reason: `FreeSWITCH ${version} has no running SIP profile "${profile}"`,
          mend: "use docker/freeswitch's configuration, or set engine.freeswitch.profile",
        };
      }
      return { ok: true, version, detail: line.trim().replace(/\s+/g, " ") };
    },
    "start FreeSWITCH with mod_event_socket, and check engine.freeswitch.host and port",
  );
}

function apiBody(text: string): string | null {
  const reply = apiReply(text);
  return reply && Buffer.byteLength(reply.body) >= reply.length ? reply.body : null;
}
