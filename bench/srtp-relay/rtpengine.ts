import { formatCrypto } from "../../src/wire/sdp/index.ts";
import { startRtpengine } from "../../test/support/rtpengine.ts";
import { keyingOf } from "./ours.ts";
import type { Relay, RelayTask } from "./relay.ts";

/** rtpengine with the task's flows set up. */
export async function startReference(task: RelayTask): Promise<Relay> {
  const engine = await startRtpengine({ ng: 22_422, min: 30_000, max: 34_000 });
  const flows = [];
  for (const [i, callerPort] of task.sourcePorts.entries()) {
    // The sink's own key is never used, since nothing flows back: the offered one serves.
    const call = { id: `bench-${i}`, suite: task.suite, callerPort, calleePort: task.sinkPort };
    const { toCaller, crypto } = await engine.setUp({ ...call, calleeCrypto: (offered) => offered });
    flows.push({ port: toCaller.port, keying: keyingOf(formatCrypto(crypto)) });
  }
  return { name: "rtpengine", pid: engine.pid, flows, stop: () => engine.stop() };
}
