/**
 * Floods a SIP listener from a process of its own, so that the test's telephones keep their time: node flooder.mjs METHOD PORT SECONDS RATE [FROM-ADDRESS...].
 * METHOD is a SIP method, `INVITE+SDP` with an offer, `INVITE=1000` to that number alone, or `malformed`, no SIP.
 * Prints `{"sent":n,"seconds":s,"answers":{"200":n,...}}` when nothing has come for a second, three seconds after the flood at the latest: seconds until
 * the last answer came.
 */
import { createSocket } from "node:dgram";

const [method, port, seconds, rate, ...addresses] = process.argv.slice(2);
const answers = {};
let last = Date.now();
let answered = Date.now();
const sockets = await Promise.all(
  (addresses.length > 0 ? addresses : ["127.0.0.1"]).map(async (address) => {
    const socket = createSocket({ type: "udp4", recvBufferSize: 1 << 22 });
    socket.on("message", (data) => {
      last = answered = Date.now();
      const status = data.toString("latin1", 8, 11);
      answers[status] = (answers[status] ?? 0) + 1;
    });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.bind(0, address, resolve));
    return socket;
  }),
);
let sent = 0;
const [verb = "", number] = method.replace("+SDP", "").split("=");
const text = (n, socket) => {
  const { address, port: from } = socket.address();
  if (method === "malformed") return `INVITE sip:${n}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:${from}\r\nnonsense ${n}\r\n\r\n`;
  const user = number ?? 1000 + (n % 9000);
  const sdp = method.includes("+SDP")
    ? `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${from} RTP/AVP 0\r\n`
    : "";
  const body = sdp === "" ? "" : "Content-Type: application/sdp\r\n";
  return `${verb} sip:${user}@127.0.0.1:${port} SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:${from};rport;branch=z9hG4bK-flood-${process.pid}-${n}\r\nMax-Forwards: 70\r\nFrom: <sip:flood@${address}>;tag=${n}\r\nTo: <sip:${user}@127.0.0.1>\r\nCall-ID: flood-${process.pid}-${n}\r\nCSeq: 1 ${verb}\r\nContact: <sip:flood@${address}:${from}>\r\n${body}Content-Length: ${sdp.length}\r\n\r\n${sdp}`;
};
const began = Date.now();
const timer = setInterval(() => {
  const passed = Date.now() - began;
  if (passed > Number(seconds) * 1000) return clearInterval(timer);
  for (const due = (passed / 1000) * Number(rate); sent < due; sent++) {
    const socket = sockets[sent % sockets.length];
    socket.send(text(sent, socket), Number(port), "127.0.0.1");
  }
}, 5);
last = began + Number(seconds) * 1000;
const end = setInterval(() => {
  if (Date.now() - last < 1000 && Date.now() < began + Number(seconds) * 1000 + 3000) return;
  clearInterval(timer);
  clearInterval(end);
  process.stdout.write(`${JSON.stringify({ sent, seconds: (answered - began) / 1000, answers })}\n`);
  for (const socket of sockets) socket.close();
}, 100);
