// A thread for native.test.ts: opens sockets and keys, has traffic between them, and ends as it is told.

import { parentPort, workerData } from "node:worker_threads";
import { openUdp, type UdpPlan, type UdpSocket } from "../../../src/udp/index.ts";

const { plan, how } = workerData as { plan: UdpPlan; how: string };
const udp = openUdp(plan);
const sockets: UdpSocket[] = [];
for (let i = 0; i < 8; i++) sockets.push((await udp.bind("127.0.0.1", 0))!);
for (let i = 0; i < 4; i++) udp.aead!.key(Buffer.alloc(32, i));
let told = false;
for (const socket of sockets)
  socket.receive((datagram, address, port) => {
    // Each datagram goes round for ever: the thread is ended in the midst of it.
    socket.send(datagram, port, address);
    if (!told) parentPort!.postMessage("ready");
    told = true;
    while (how === "spinning");
  });
for (let i = 0; i < 4; i++) sockets[i]!.send(Buffer.from("ball"), sockets[i + 4]!.port, "127.0.0.1");
parentPort!.on("message", () => {
  if (how === "thrown") throw new Error("on purpose");
  udp.close();
  parentPort!.close();
});
