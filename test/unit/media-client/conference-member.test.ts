import { EventEmitter } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, it } from "vitest";
import type { EslConnection } from "../../../src/media-client/drachtio-fsmrf.ts";
import { EndpointMember, type JoiningSession } from "../../../src/media-client/conference-member.ts";

function seat() {
  const connection = new EventEmitter();
  const media = { onClosed: () => undefined } as unknown as JoiningSession;
  const one = new EndpointMember(media, connection as unknown as EslConnection);
  const told: unknown[] = [];
  const tell = (action: string, member: number, more: Record<string, string> = {}) => {
    const headers: Record<string, string> = {
      "Event-Subclass": "conference::maintenance",
      Action: action,
      "Member-ID": String(member),
      ...more,
    };
    connection.emit("esl::event::CUSTOM::*", { getHeader: (name: string) => headers[name] });
  };
  const listen = () => {
    one.on("talking", (talking) => told.push(talking));
    one.on("floor", () => told.push("floor"));
  };
  return { one, told, tell, listen };
}

it("tells what happened before it was known which member it is, once somebody listens: whoever comes talking talks", async () => {
  const { one, told, tell, listen } = seat();
  tell("start-talking", 7);
  tell("start-talking", 8);
  tell("floor-change", 7, { "New-ID": "7" });
  one.sit(7);
  listen();
  expect(told).toEqual([]);
  await nextTurn();
  expect(told).toEqual([true, "floor"]);
  tell("stop-talking", 7);
  tell("stop-talking", 8);
  expect(told).toEqual([true, "floor", false]);
});

it("keeps no more than a hundred of them, and nothing after it was given up", async () => {
  const { one, told, tell, listen } = seat();
  for (let i = 0; i < 200; i++) tell(i % 2 === 0 ? "start-talking" : "stop-talking", 7);
  one.sit(7);
  listen();
  await nextTurn();
  expect(told).toHaveLength(100);
  one.vacate();
  tell("start-talking", 7);
  expect(told).toHaveLength(100);
});
