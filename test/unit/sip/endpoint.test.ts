import { afterEach, expect, test } from "vitest";
import { openSipEndpoint, type OpenSipEndpoint, type SipEndpointOptions } from "../../../src/io/index.ts";
import type { Session } from "../../../src/sip/index.ts";

const open: OpenSipEndpoint[] = [];
async function endpoint(options: Partial<SipEndpointOptions> = {}): Promise<OpenSipEndpoint> {
  const made = await openSipEndpoint({ host: "127.0.0.1", port: 0, onInvite: (s, now) => s.reject(now, 486), ...options });
  open.push(made);
  return made;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((e) => e.close()));
});

function uriOf(e: OpenSipEndpoint, transport: "udp" | "tcp"): string {
  const listener = e.listeners.find((l) => l.transport === transport)!;
  return `sip:callee@127.0.0.1:${listener.port};transport=${transport}`;
}

function ended(session: Session): Promise<string> {
  return new Promise((done) => {
    session.events.onEnded = (reason) => done(reason);
  });
}

test.each(["udp", "tcp"] as const)("a call over %s is answered, acknowledged, renegotiated and ended", async (transport) => {
  const seen: string[] = [];
  let incoming: Session | undefined;
  const callee = await endpoint({
    onInvite(session, now) {
      incoming = session;
      session.events = {
        onAck: () => seen.push("ack"),
        onOffer: (tx, at) => {
          seen.push(`offer ${tx.request.body.toString()}`);
          session.answerTo(tx, 200, at, { body: "answer 2" });
        },
        onRequest: (tx, at) => {
          seen.push(tx.request.method);
          session.answerTo(tx, 200, at);
        },
        onEnded: (reason) => seen.push(reason),
      };
      session.ring(now);
      session.answer(now, { body: `answer to ${session.invite.body.toString()}` });
    },
  });
  const caller = await endpoint();
  const call = await new Promise<Session>((done, fail) => {
    const session: Session = caller.invite({
      uri: uriOf(callee, transport),
      from: "sip:caller@127.0.0.1",
      body: "offer",
      events: {
        onProvisional: (r) => seen.push(String(r.status)),
        onAnswered: (r) => {
          seen.push(r.body.toString());
          done(session);
        },
        onEnded: (reason) => fail(new Error(reason)),
      },
    });
  });
  call.events.onEnded = () => {};
  const info = await new Promise((done) =>
    call.request("INFO", caller.now(), { body: "5", contentType: "application/dtmf" }, (r) => done(r?.status)),
  );
  expect(info).toBe(200);
  const again = await new Promise((done) => call.reinvite(caller.now(), { body: "offer 2" }, (r) => done(r?.body.toString())));
  expect(again).toBe("answer 2");
  const over = ended(incoming!);
  call.end(caller.now());
  expect(await over).toBe("bye-received");
  expect(seen).toEqual(["180", "answer to offer", "ack", "INFO", "offer offer 2", "ack"]);
});

test("a refused call tells why, a cancelled one ends with 487 on both sides", async () => {
  let calls = 0;
  const reasons: string[] = [];
  const callee = await endpoint({
    onInvite(session, now) {
      if (calls++ === 0) session.reject(now, 488, "No Codec");
      else {
        session.events.onEnded = (reason) => reasons.push(`callee ${reason}`);
        session.ring(now);
      }
    },
  });
  const caller = await endpoint();
  const refused = await new Promise((done) =>
    caller.invite({ uri: uriOf(callee, "udp"), from: "sip:a@b", events: { onEnded: (reason, _now, status) => done([reason, status]) } }),
  );
  expect(refused).toEqual(["rejected", 488]);
  await new Promise<void>((done) => {
    const session = caller.invite({
      uri: uriOf(callee, "udp"),
      from: "sip:a@b",
      events: {
        onProvisional: () => session.end(caller.now()),
        onEnded: (reason) => {
          reasons.push(`caller ${reason}`);
          done();
        },
      },
    });
  });
  await expect.poll(() => reasons).toEqual(["caller cancelled", "callee cancelled"]);
});

test("OPTIONS outside a dialog is answered, and a request in no dialog gets 481", async () => {
  const callee = await endpoint();
  const caller = await endpoint();
  const options = await caller.request("OPTIONS", { uri: uriOf(callee, "tcp"), from: "sip:a@b" });
  expect(options?.status).toBe(200);
  expect(options?.get("allow")).toContain("INVITE");
  const info = await caller.request("INFO", { uri: uriOf(callee, "udp"), from: "sip:a@b", to: "<sip:c@d>;tag=nobody" });
  expect(info?.status).toBe(481);
});

test("the end of a TCP connection ends its calls on both sides", async () => {
  let incoming: Session | undefined;
  const callee = await endpoint({
    onInvite(session, now) {
      incoming = session;
      session.answer(now, { body: "answer" });
    },
  });
  const caller = await endpoint();
  const call = await new Promise<Session>((done) => {
    const session: Session = caller.invite({
      uri: uriOf(callee, "tcp"),
      from: "sip:a@b",
      body: "offer",
      events: { onAnswered: () => done(session) },
    });
  });
  await expect.poll(() => incoming?.state).toBe("confirmed");
  const both = Promise.all([ended(call), ended(incoming!)]);
  callee.driver.transports.closeConnection(incoming!.source!.connection, "test");
  expect(await both).toEqual(["connection-lost", "connection-lost"]);
});

test("an address where nobody listens fails a TCP call at once", async () => {
  const caller = await endpoint();
  const gone = await endpoint();
  const uri = uriOf(gone, "tcp");
  await gone.close();
  const result = await new Promise((done) =>
    caller.invite({ uri, from: "sip:a@b", events: { onEnded: (reason, _n, status) => done([reason, status]) } }),
  );
  expect(result).toEqual(["failed", 503]);
});

test("calls over IPv6 keep their brackets in URIs and lose them at the sockets", async (context) => {
  const here = await openSipEndpoint({ host: "::1", port: 0, onInvite: (s, now) => s.answer(now, { body: "answer" }) }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT") return undefined;
      throw error;
    },
  );
  if (here === undefined) {
    context.skip("no IPv6 here");
    return;
  }
  open.push(here);
  const caller = await endpoint({ host: "::1" });
  const answered = await new Promise<string>((done) => {
    const call: Session = caller.invite({
      uri: `sip:x@[::1]:${here.listeners[0]!.port}`,
      from: "sip:me@[::1]",
      body: "offer",
      events: {
        onAnswered: (response) => {
          done(`${response.get("contact")} ${response.topVia?.host}`);
          call.end(caller.now());
        },
        onEnded: (reason) => done(reason),
      },
    });
  });
  expect(answered).toBe(`<sip:[::1]:${here.listeners[0]!.port}> [::1]`);
});
