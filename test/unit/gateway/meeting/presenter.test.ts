import { EventEmitter } from "node:events";
import { beforeEach, expect, it } from "vitest";
import type { Call } from "../../../../src/gateway/call/call.ts";
import { Presenting } from "../../../../src/gateway/meeting/presenter.ts";
import type { ContentControl, ContentControlEvents } from "../../../../src/legs/leg.ts";

class FakeControl extends EventEmitter<ContentControlEvents> implements ContentControl {
  readonly #name: string;
  readonly #done: string[];
  constructor(name: string, done: string[]) {
    super();
    this.#name = name;
    this.#done = done;
  }
  #did(what: string) {
    this.#done.push(`${this.#name} ${what}`);
  }
  grant() {
    this.#did("granted");
  }
  deny() {
    this.#did("denied");
  }
  revoke() {
    this.#did("revoked");
  }
  announce(presenting: boolean) {
    this.#did(presenting ? "hears of a screen" : "hears of none");
  }
}

let done: string[];
let presenting: Presenting;
beforeEach(() => {
  done = [];
  presenting = new Presenting({ present: (_, id) => void done.push(`shown: ${id}`) });
});

function call(id: string) {
  const content = new FakeControl(id, done);
  const one = Object.assign(new EventEmitter(), { id, meetingId: "1000", content, log: { info: () => undefined } });
  presenting.attach(one as unknown as Call, content);
  return { call: one as unknown as Call, content };
}

it("gives the screen to who asks last, and takes it from who had it", () => {
  const [a, b, c] = [call("a"), call("b"), call("c")];
  for (const one of [a, b, c]) presenting.joined("1000", one.call);
  a.content.emit("request");
  expect(done.splice(0)).toEqual(["a granted", "shown: a", "a hears of none", "b hears of a screen", "c hears of a screen"]);
  b.content.emit("request");
  expect(done.splice(0)).toEqual(["a revoked", "b granted", "shown: b", "a hears of a screen", "b hears of none", "c hears of a screen"]);
  // the old one's release changes nothing
  a.content.emit("release");
  expect(done).toEqual([]);
  b.content.emit("release");
  expect(done).toEqual(["shown: null", "a hears of none", "b hears of none", "c hears of none"]);
  expect(presenting.presenter("1000")).toBeNull();
});

it("denies who has not joined, and tells who joins later", () => {
  const [a, b] = [call("a"), call("b")];
  a.content.emit("request");
  expect(done.splice(0)).toEqual(["a denied"]);
  presenting.joined("1000", a.call);
  a.content.emit("request");
  done.length = 0;
  presenting.joined("1000", b.call);
  expect(done.splice(0)).toEqual(["b hears of a screen"]);
  presenting.left("1000", a.call);
  expect(done).toContain("shown: null");
  expect(done).toContain("b hears of none");
});
