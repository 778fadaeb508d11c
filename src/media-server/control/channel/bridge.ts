import { frameLink } from "../../media/frame-ring.ts";
import { type Channel, rateOf } from "./channel.ts";

/** Ends the passing on of digits of a bridged channel. */
const passing = new WeakMap<Channel, () => void>();

/** Lets two channels hear each other (uuid_bridge). Whatever either did before ends. */
export function bridge(a: Channel, b: Channel): void {
  for (const channel of [a, b]) {
    unbridge(channel);
    channel.executor.break(true);
  }
  a.bridged = b;
  b.bridged = a;
  for (const [channel, other] of [
    [a, b],
    [b, a],
  ] as const) {
    channel.variables.set("bridge_uuid", other.uuid);
    channel.variables.set("bridge_channel", other.name);
    channel.variables.set("bridge_to", other.uuid);
    channel.variables.set("last_bridge_to", other.uuid);
    channel.setState("CS_EXCHANGE_MEDIA");
    // Keys are not in the audio: they are sent on.
    passing.set(
      channel,
      channel.digits.listen((digit) => {
        other.leg.sendDtmf(digit, 250);
        return true;
      }),
    );
  }
  a.leg.bridge(b.leg, () => frameLink(Math.max(rateOf(a.codec), rateOf(b.codec))));
  a.fire("CHANNEL_BRIDGE", {
    "Bridge-A-Unique-ID": a.uuid,
    "Bridge-B-Unique-ID": b.uuid,
    "Other-Leg-Unique-ID": b.uuid,
    "Other-Type": "originatee",
  });
}

/** Parts a channel from its bridge; the other parks. Nothing happens without one. */
export function unbridge(channel: Channel): void {
  const other = channel.bridged;
  if (!other) return;
  channel.bridged = undefined;
  other.bridged = undefined;
  channel.leg.unbridge();
  other.leg.unbridge();
  for (const side of [channel, other]) {
    passing.get(side)?.();
    side.variables.set("bridge_to", undefined);
    side.variables.set("bridge_uuid", undefined);
    if (side.isUp) side.setState("CS_EXECUTE");
  }
  channel.fire("CHANNEL_UNBRIDGE", { "Bridge-A-Unique-ID": channel.uuid, "Bridge-B-Unique-ID": other.uuid });
}
