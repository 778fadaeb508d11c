/** An H.323 caller: calls a number at a host, listens for some seconds, releases. `node examples/h323-caller.ts 127.0.0.1:1720 1000 [SECONDS]` */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { openH323Calls } from "crosspoint/h323";

const [peer = "127.0.0.1:1720", number = "1000", seconds = "3"] = process.argv.slice(2);
const [peerHost = "", peerPort = "1720"] = peer.split(":");
const host = "127.0.0.1";

const rtp = createSocket("udp4");
rtp.bind(0, host);
await once(rtp, "listening");
let packets = 0;
rtp.on("message", () => packets++);
const { port } = rtp.address();

const endpoint = await openH323Calls({ host, port: 0, name: "Example caller", audio: [{ codec: "PCMU", maxPtime: 20 }] });
const released = Promise.withResolvers<string>();
const call = await endpoint.call({ host: peerHost, port: Number(peerPort) }, number, {
  media: { rtp: { host, port }, rtcp: { host, port: port + 1 } },
  onEvent: (event) => {
    if (event.type === "connected") console.log(`connected to ${event.displayName}`);
    if (event.type === "released") released.resolve(`released with cause ${event.cause} by ${event.by}`);
  },
});
void delay(Number(seconds) * 1000).then(() => call.release());
console.log(`${await released.promise}, ${packets > 0 ? "audio was heard" : "nothing was heard"}`);
await endpoint.close();
rtp.close();
