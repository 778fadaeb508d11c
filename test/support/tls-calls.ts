import { randomBytes } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { connect, type TLSSocket } from "node:tls";

/** A call of a telephone that speaks SIP over a TLS connection of its own, and sends no media. */
export interface TlsCall {
  /** SHA-256 of the certificate the gateway has shown. */
  readonly fingerprint: string;
  /** Whether the gateway has ended call or connection. */
  readonly gone: boolean;
  /** Sends a request within the dialog; the status of its answer. */
  request(method: "OPTIONS" | "BYE"): Promise<number>;
  close(): void;
}

const PATIENCE = 20_000;
/** Header fields' values and status of a message. */
const fieldOf = (message: string, name: string): string => new RegExp(`^${name}:[ ]*(.*)$`, "im").exec(message)?.[1]?.trim() ?? "";
const statusOf = (message: string): number => Number(/^SIP\/2\.0 (\d{3})/.exec(message)?.[1] ?? 0);

/** Calls `user` from an address of ours; resolves once the call is up, rejects when it is refused. The gateway's certificate is not verified. */
export async function callOverTls(host: string, port: number, user: string, localAddress = "127.0.0.1"): Promise<TlsCall> {
  const socket: TLSSocket = await new Promise((resolve, reject) => {
    const made = connect({ socket: connectTcp({ host, port, localAddress }), rejectUnauthorized: false }, () => resolve(made));
    made.once("error", reject);
  });
  const id = randomBytes(8).toString("hex");
  const here = `${localAddress}:${socket.localPort}`;
  const from = `<sip:phone@${here};transport=tls>;tag=${id}`;
  let waiting: ((message: string) => void) | undefined;
  let gone = false;
  let text = "";
  const take = (message: string): void => {
    if (message.startsWith("BYE ")) gone = true;
    if (statusOf(message) >= 200) waiting?.(message);
  };
  socket.on("error", () => {});
  socket.on("close", () => (gone = true));
  socket.on("data", (data) => {
    text += data.toString("latin1");
    for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
      const whole = end + 4 + Number(fieldOf(text.slice(0, end), "(?:Content-Length|l)") || 0);
      if (text.length < whole) return;
      take(text.slice(0, whole));
      text = text.slice(whole);
    }
  });
  let number = 0;
  const send = (method: string, cseq: number, uri: string, to: string, body = ""): void => {
    const lines = [
      `${method} ${uri} SIP/2.0`,
      `Via: SIP/2.0/TLS ${here};branch=z9hG4bK${randomBytes(8).toString("hex")};rport`,
      `From: ${from}`,
      `To: ${to}`,
      `Call-ID: ${id}`,
      `CSeq: ${cseq} ${method}`,
      `Contact: <sip:phone@${here};transport=tls>`,
      "Max-Forwards: 70",
      ...(body === "" ? [] : ["Content-Type: application/sdp"]),
      `Content-Length: ${body.length}`,
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  };
  const ask = (method: string, uri: string, to: string, body?: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), PATIENCE);
      waiting = (message) => {
        clearTimeout(timer);
        resolve(message);
      };
      send(method, ++number, uri, to, body);
    });
  const media = "m=audio 9 RTP/AVP 0\r\na=inactive\r\n";
  const sdp = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n${media}`;
  const target = `sip:${user}@${host}:${port};transport=tls`;
  const answer = await ask("INVITE", target, `<${target}>`, sdp);
  const to = fieldOf(answer, "To");
  const contact = /<([^>]*)>/.exec(fieldOf(answer, "Contact"))?.[1] ?? target;
  send("ACK", number, contact, to);
  if (statusOf(answer) !== 200) {
    socket.destroy();
    throw new Error(`refused: ${answer.split("\r\n")[0]}`);
  }
  return {
    fingerprint: socket.getPeerX509Certificate()?.fingerprint256 ?? "",
    get gone() {
      return gone;
    },
    request: async (method) => statusOf(await ask(method, contact, to)),
    close: () => void socket.destroy(),
  };
}
