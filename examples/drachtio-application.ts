/** An application written with drachtio-srf on the embedded SIP engine: sends every caller elsewhere. `node examples/drachtio-application.ts [PORT]` */
import { createRequire } from "node:module";
import { startSipEngine } from "crosspoint/sip-engine";

interface Request {
  readonly uri: string;
}
interface Response {
  send(status: number, options: { readonly headers: Readonly<Record<string, string>> }): void;
}
interface Application {
  connect(options: { host: string; port: number; secret: string }): void;
  disconnect(): void;
  invite(handler: (request: Request, response: Response) => void): void;
  once(event: "connect", listener: (error: Error | null) => void): void;
}

const [port = "5070"] = process.argv.slice(2);
const host = "127.0.0.1";
const secret = "between the two of us";
const engine = await startSipEngine({ drachtio: { host, port: 0, secret }, listeners: [{ transport: "udp", host, port: Number(port) }] });

// drachtio-srf is CommonJS; this is what is used of it
const Srf = createRequire(import.meta.url)("drachtio-srf") as new () => Application;
const application = new Srf();
application.invite((request, response) => {
  console.log(`a call to ${request.uri}`);
  response.send(302, { headers: { Contact: "<sip:elsewhere@192.0.2.1>" } });
});
application.once("connect", (error) => console.log(error ? `refused: ${error.message}` : `listening on port ${engine.listeners[0]?.port}`));
application.connect({ host, port: engine.drachtioPort, secret });

process.once("SIGTERM", () => {
  application.disconnect();
  void engine.stop();
});
