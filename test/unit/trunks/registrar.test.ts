import { describe, expect, it } from "vitest";
import type { RegistrationIdentity } from "../../../src/trunks/model.ts";
import { flowUri, Registrar, type RegisterRequest } from "../../../src/trunks/registrar.ts";

const identity: RegistrationIdentity = { username: "pbx", password: "x", minSeconds: 60, maxSeconds: 600, maxContacts: 3 };
const flow = { transport: "tcp", address: "192.0.2.1", port: 41_000 } as const;
let cseq = 0;
const request = (changes: Partial<RegisterRequest> = {}): RegisterRequest => ({
  callId: "a",
  cseq: ++cseq,
  contact: "<sip:pbx@10.0.0.5:5060;transport=tcp>",
  expires: "120",
  path: undefined,
  supported: undefined,
  userAgent: "PBX/1",
  flow,
  ...changes,
});

describe("the registrar", () => {
  const registrar = () => {
    const one = new Registrar();
    return {
      one,
      put: (changes: Partial<RegisterRequest> = {}, now = 0) => one.register("pbx", identity, request(changes), now),
      uris: (now = 0) => one.bindings("pbx", now).map(({ uri }) => uri),
    };
  };

  it("binds, tells what is bound, refreshes and forgets by time", () => {
    const { one, put, uris } = registrar();
    expect(put()).toMatchObject({
      status: 200,
      change: "registered",
      headers: { Contact: "<sip:pbx@10.0.0.5:5060;transport=tcp>;expires=120" },
    });
    expect(put({}, 60_000)).toMatchObject({ change: "refreshed" });
    expect(put({ contact: undefined }, 90_000)).toMatchObject({
      change: null,
      headers: { Contact: expect.stringContaining(";expires=90") },
    });
    expect(one.owns("pbx", flow, 179_000)).toBe(true);
    expect(one.owns("pbx", { ...flow, port: 41_001 }, 179_000)).toBe(false);
    expect(one.owns("pbx", { ...flow, transport: "tls" }, 179_000)).toBe(false);
    expect(one.owns("other", flow, 179_000)).toBe(false);
    expect(one.owns("pbx", flow, 180_001)).toBe(false);
    expect(uris(180_001)).toEqual([]);
  });

  it("lets a contact's own time go before the field's, shortens and refuses", () => {
    const { one, put } = registrar();
    put({ contact: "<sip:a@h>;expires=90, <sip:b@h>", expires: "7200" });
    expect(one.bindings("pbx", 0).map(({ uri, expiresAt }) => [uri, expiresAt])).toEqual([
      ["sip:b@h", 600_000],
      ["sip:a@h", 90_000],
    ]);
    put({ contact: "<sip:c@h>", expires: undefined });
    expect(one.bindings("pbx", 0)[0]?.expiresAt).toBe(600_000);
    expect(put({ contact: "<sip:d@h>;expires=59" })).toEqual({ status: 423, headers: { "Min-Expires": "60" }, change: null });
  });

  it("removes one contact, or all, and all or nothing of a request", () => {
    const { put, uris } = registrar();
    put({ contact: "<sip:a@h>, <sip:b@h>" });
    expect(put({ contact: "<sip:a@H:5060>;expires=0" }).status).toBe(200);
    expect(uris()).toEqual(["sip:b@h", "sip:a@h"]);
    expect(put({ contact: "<sip:a@H>;expires=0" })).toMatchObject({ change: "unregistered" });
    expect(uris()).toEqual(["sip:b@h"]);
    expect(put({ contact: "<sip:c@h>, <sip:d@h>;expires=1" }).status).toBe(423);
    expect(put({ contact: "<sip:c@h>, nonsense <" }).status).toBe(400);
    expect(uris()).toEqual(["sip:b@h"]);
    expect(put({ contact: "*", expires: "60" }).status).toBe(400);
    expect(put({ contact: "*", expires: "0" })).toEqual({ status: 200, headers: { Supported: "path, outbound" }, change: "unregistered" });
    expect(uris()).toEqual([]);
  });

  it("does not let an older request undo a later one", () => {
    const { put, uris } = registrar();
    put({ cseq: 10 });
    expect(put({ cseq: 9 }).status).toBe(500);
    expect(put({ cseq: 10, expires: "0" }).status).toBe(500);
    expect(put({ cseq: 8, contact: "*", expires: "0" }).status).toBe(500);
    expect(uris()).toHaveLength(1);
    expect(put({ callId: "after a restart", cseq: 1, expires: "0" }).status).toBe(200);
    expect(uris()).toEqual([]);
  });

  it("keeps the newest of more than it may have", () => {
    const { put, uris } = registrar();
    for (const host of ["a", "b", "c", "d"]) put({ contact: `<sip:pbx@${host}>` });
    expect(uris()).toEqual(["sip:pbx@d", "sip:pbx@c", "sip:pbx@b"]);
  });

  it("keeps the path and says so (RFC 3327)", () => {
    const { one, put } = registrar();
    const path = "<sip:edge1.example;lr>, <sip:edge2.example;lr>";
    expect(put({ path, supported: "path" }).headers["Path"]).toBe(path);
    expect(one.bindings("pbx", 0)[0]?.path).toEqual(["sip:edge1.example;lr", "sip:edge2.example;lr"]);
    expect(put({ path }).headers).not.toHaveProperty("Path");
  });

  it("knows a device by its instance, whatever its contact is now (RFC 5626)", () => {
    const { one, put, uris } = registrar();
    const device = ';+sip.instance="<urn:uuid:1>";reg-id=1';
    expect(put({ contact: `<sip:pbx@10.0.0.5:1000>${device}`, supported: "outbound, path" }).headers).toMatchObject({
      Require: "outbound",
      "Flow-Timer": "120",
    });
    const moved = { ...flow, port: 42_000 };
    put({ contact: `<sip:pbx@10.0.0.5:2000>${device}`, flow: moved });
    expect(uris()).toEqual(["sip:pbx@10.0.0.5:2000"]);
    expect([one.owns("pbx", flow, 0), one.owns("pbx", moved, 0)]).toEqual([false, true]);
    expect(flowUri(one.bindings("pbx", 0)[0]!.flow, "p;x")).toBe("sip:192.0.2.1:42000;transport=tcp;ob=p%3Bx");
  });

  it("forgets trunks that are no more", () => {
    const { one, put, uris } = registrar();
    put();
    one.keep(new Set(["pbx"]));
    expect(uris()).toHaveLength(1);
    one.keep(new Set());
    expect(uris()).toEqual([]);
  });

  it("takes 10,000 random requests without harm", () => {
    const { one, uris } = registrar();
    let seed = 7;
    const random = (n: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16) % n;
    const pieces = ["<sip:a@h>", "*", ";expires=", "0", "90", ",", "sip:", "<", ">", '"', "@h", ";reg-id=1", "%", " ", "tel:+1", "é"];
    for (let i = 0; i < 10_000; i++) {
      const text = () => Array.from({ length: random(6) }, () => pieces[random(pieces.length)]).join("");
      one.register("pbx", identity, request({ contact: text(), expires: text(), path: text(), cseq: random(100) }), i);
    }
    expect(uris(10_000).length).toBeLessThanOrEqual(3);
  });
});
