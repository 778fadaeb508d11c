import { fork } from "node:child_process";
import { once } from "node:events";
import { readCrypto } from "../../src/srtp/index.ts";
import { parseCrypto } from "../../src/wire/sdp/index.ts";
import type { Relay, RelayTask } from "./relay.ts";

/** Our relay in a process of its own. */
export async function startOurs(task: RelayTask): Promise<Relay> {
  const worker = fork(new URL("./ours-worker.ts", import.meta.url), [JSON.stringify(task)]);
  const [flows] = (await once(worker, "message")) as [{ port: number; crypto: string }[]];
  return {
    name: "crosspoint",
    pid: worker.pid!,
    flows: flows.map(({ port, crypto }) => ({ port, keying: keyingOf(crypto) })),
    async stop() {
      worker.disconnect();
      await once(worker, "exit");
    },
  };
}

/** The key in an `a=crypto` value. */
export function keyingOf(value: string) {
  const crypto = readCrypto(parseCrypto(value)!);
  if (!crypto.usable) throw new Error(crypto.reason);
  return crypto.keying;
}
