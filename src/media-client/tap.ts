/** The event socket's messages, both ways, for who looks at a call. While nobody does nothing is made of them. */
import { type CallTraces, hostPort, maskCommand, maskEvent, wallTime } from "../trace/index.ts";
import type { EslConnection } from "./drachtio-fsmrf.ts";

/** What of the traces the port needs. */
export type PortTraces = Pick<CallTraces, "active" | "add" | "join">;

/** Tells `traces` what is sent and received by the connection from now on, as messages of `key`. */
export function tapConnection(connection: EslConnection, traces: PortTraces, key: string): void {
  const send = connection.send.bind(connection);
  const add = (direction: "in" | "out", text: ReturnType<typeof maskEvent>): void => {
    const { socket } = connection;
    traces.add({
      key,
      protocol: "esl",
      direction,
      transport: "tcp",
      local: hostPort(socket?.localAddress ?? "", socket?.localPort ?? 0),
      remote: hostPort(socket?.remoteAddress ?? "", socket?.remotePort ?? 0),
      at: wallTime(),
      ...text,
    });
  };
  connection.send = (command, headers) => {
    if (traces.active) add("out", maskCommand(command, headers));
    send(command, headers);
  };
  connection.on("esl::event::**", (event) => {
    if (traces.active)
      add(
        "in",
        maskEvent((name) => event.getHeader(name) ?? undefined, event.getBody()),
      );
  });
}
