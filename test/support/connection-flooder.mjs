/**
 * Floods a TCP listener from a process of its own: node connection-flooder.mjs KIND PORT SECONDS RATE [FROM-ADDRESS...]. KIND is what each connection does:
 * `open` says nothing and stays, `crlf` sends keepalives, `close` is closed at once, `sip` brings one INVITE, `h323` an endless TPKT, `http` asks for `/health`.
 * The oldest of 2,000 that stand is closed for the next. Prints `{"opened":n,"refused":n}`.
 */
import { connect } from "node:net";

const [kind, port, seconds, rate, ...from] = process.argv.slice(2);
const addresses = from.length > 0 ? from : ["127.0.0.1"];
const standing = [];
let opened = 0;
let refused = 0;
let made = 0;
const sip = (n) =>
  `INVITE sip:1000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK-tcp-${process.pid}-${n}\r\nMax-Forwards: 70\r\n` +
  `From: <sip:flood@127.0.0.1>;tag=${n}\r\nTo: <sip:1000@127.0.0.1>\r\nCall-ID: tcp-${process.pid}-${n}\r\nCSeq: 1 INVITE\r\n` +
  "Contact: <sip:flood@127.0.0.1;transport=tcp>\r\nContent-Length: 0\r\n\r\n";
const FIRST = {
  open: () => "",
  close: () => "",
  crlf: () => "\r\n\r\n",
  sip,
  h323: () => Buffer.from([3, 0, 0xff, 0xff, 8, 2]),
  http: () => "GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
};
const open = (n) => {
  const socket = connect({ host: "127.0.0.1", port: Number(port), localAddress: addresses[n % addresses.length] });
  socket.on("connect", () => {
    opened++;
    socket.write(FIRST[kind](n));
    if (kind === "close") socket.destroy();
  });
  socket.on("error", () => refused++);
  socket.on("data", () => kind === "http" && socket.destroy());
  standing.push(socket);
  if (standing.length > 2000) standing.shift().destroy();
};
const began = Date.now();
const timer = setInterval(() => {
  const passed = Date.now() - began;
  if (passed > Number(seconds) * 1000) {
    clearInterval(timer);
    for (const socket of standing) socket.destroy();
    process.stdout.write(`${JSON.stringify({ opened, refused })}\n`);
    process.exit(0);
  }
  for (const due = (passed / 1000) * Number(rate); made < due; made++) open(made);
}, 5);
