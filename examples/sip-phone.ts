/** A SIP phone: calls a URI, listens for some seconds, hangs up. `node examples/sip-phone.ts sip:1000@127.0.0.1 [SECONDS]` */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { openSipEndpoint } from "crosspoint/sip";

const [uri = "sip:1000@127.0.0.1", seconds = "3"] = process.argv.slice(2);
const host = "127.0.0.1";

const rtp = createSocket("udp4");
rtp.bind(0, host);
await once(rtp, "listening");
let packets = 0;
rtp.on("message", () => packets++);

const phone = await openSipEndpoint({ host, port: 0, onInvite: (session, now) => session.reject(now, 486) });
const offer = ["v=0", `o=- 1 1 IN IP4 ${host}`, "s=-", `c=IN IP4 ${host}`, "t=0 0", `m=audio ${rtp.address().port} RTP/AVP 0`, ""];
const ended = Promise.withResolvers<string>();
const answered = new Promise<boolean>((resolve) => {
  const call = phone.invite({
    uri,
    from: `"Example phone" <sip:phone@${host}>`,
    body: offer.join("\r\n"),
    events: {
      onProvisional: ({ status, reason }) => console.log(`${status} ${reason}`),
      onAnswered: () => resolve(true),
      onEnded: (reason, _now, status) => {
        resolve(false);
        ended.resolve(status ? `${reason} (${status})` : reason);
      },
    },
  });
  void delay(Number(seconds) * 1000).then(() => call.end(phone.now()));
});
console.log((await answered) ? "answered" : "not answered");
console.log(`ended: ${await ended.promise}, ${packets > 0 ? "audio was heard" : "nothing was heard"}`);
await phone.close();
rtp.close();
