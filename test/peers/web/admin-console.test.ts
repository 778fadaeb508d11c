import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type AdminServer, createAdminServer } from "../../../src/admin/server.ts";
import { FakeClock } from "../../support/standing-clock.ts";
import { ApiTokens } from "../../../src/security/api-tokens.ts";
import { Defence, NO_BANS } from "../../../src/security/defence.ts";
import { describeWithPeers } from "../../support/peers.ts";
import { callRecord, callView, FakeGateway, meetingView, participant } from "../../unit/admin/fake-gateway.ts";

const token = "console-token-0123456789";
const tokens = new ApiTokens(null, token, [
  { name: "viewer", token: "viewer-token-0123456789", role: "viewer", meetings: null, expires: null },
  { name: "one", token: "scoped-token-0123456789", role: "operator", meetings: ["3000"], expires: null },
]);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

describeWithPeers("the operator console in a browser", ["chromium"], () => {
  let browser: Browser;
  let gateway: FakeGateway;
  let server: AdminServer;
  let defence: Defence;
  let url: string;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: flags });
    return () => browser.close();
  });
  beforeEach(async () => {
    gateway = new FakeGateway();
    gateway.meetingMap.set("1000", meetingView("1000", { name: "Open meeting", source: "configuration" }));
    gateway.meetingMap.set("3000", meetingView("3000", { name: "Meeting with a lobby", lobby: true, hasHostPin: true }));
    gateway.meetingMap.set("5000", meetingView("5000", { name: "Deutsche Besprechung", language: "de", aliases: ["+15550111"] }));
    gateway.people.push(
      participant("p1", { displayName: "Room Aurora", trust: "verified", talking: true }),
      participant("p2", { displayName: "+4930123456", meetingId: "3000", state: "lobby", joinedAt: null, audio: null }),
      participant("p3", { displayName: "<b>Eve</b>", protocol: "h323" }),
    );
    gateway.callMap.set("c1", callView("c1", { audio: participant("x").audio }));
    gateway.recordList.push(
      callRecord("r2", { sipStatus: 488, outcome: "end-to-end-encrypted", reason: "the meeting is end-to-end encrypted" }),
      callRecord("r1", { outcome: "completed" }),
    );
    defence = new Defence({ clock: new FakeClock(Date.now()), log: { info() {}, warn() {} }, policy: NO_BANS });
    server = createAdminServer({ gateway, token, tokens, defence, version: "1.2.3", log: { warn() {}, error() {} } });
    url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}/`;
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    faults = [];
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
    return async () => {
      await page.close();
      await server.close();
    };
  });
  afterAll(() => browser?.close());

  const shot = async (name: string) => {
    const folder = process.env["SCREENSHOTS"];
    if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  };

  it("signs in by the printed address, shows everything, and forgets the token in the address", async () => {
    await page.goto(`${url}#token=${token}`);
    await page.getByText("ok, version 1.2.3").waitFor();
    expect(page.url()).toBe(url);
    for (const text of ["Open meeting", "Room Aurora", "+4930123456", "<b>Eve</b>", "carrier", "end-to-end-encrypted (488)"]) {
      await page.getByText(text, { exact: false }).first().waitFor();
    }
    expect(await page.locator("b").count()).toBe(0);
    await shot("console-light");
    await page.emulateMedia({ colorScheme: "dark" });
    await shot("console-dark");
    expect(faults).toEqual([]);
  });

  it("admits, mutes and removes, and follows events", async () => {
    await page.goto(`${url}#token=${token}`);
    await page.getByRole("button", { name: "Admit +4930123456" }).click();
    await page.getByRole("button", { name: "Mute +4930123456" }).waitFor();
    expect(gateway.people[1]!.state).toBe("joined");
    await page.getByRole("button", { name: "Mute Room Aurora", exact: true }).click();
    await page.getByRole("button", { name: "Unmute Room Aurora" }).waitFor();
    await page.getByRole("button", { name: "Remove Room Aurora" }).click();
    await page.getByText("Room Aurora").waitFor({ state: "detached" });
    gateway.emit({ type: "participant", participant: participant("p9", { displayName: "Latecomer" }) });
    await page.getByText("Latecomer").waitFor();
    gateway.emit({ type: "call-ended", record: callRecord("c1", { reason: "said goodbye" }) });
    await page.getByText("said goodbye").waitFor();
    await page.getByText("No calls.").waitFor();
    gateway.emit({ type: "meeting-deleted", meetingId: "5000" });
    await page.getByRole("article", { name: "Meeting 5000" }).waitFor({ state: "detached" });
    expect(faults).toEqual([]);
  });

  it("dials out, and says what is refused", async () => {
    await page.goto(`${url}#token=${token}`);
    await page.getByLabel("Call", { exact: true }).fill("sip:bob@example.com");
    await page.getByRole("button", { name: "Dial" }).click();
    await page.getByText("to sip:bob@example.com").waitFor();
    gateway.people.length = 0;
    await page.getByRole("button", { name: "Remove Room Aurora" }).click();
    await page.getByRole("alert").getByText("there is no participant p1").waitFor();
  });

  it("loads with a thousand meetings, and keeps selection, focus and a click over a storm of events", async () => {
    for (let i = 0; i < 1000; i++) gateway.meetingMap.set(`9${i}`, meetingView(`9${i}`));
    await page.goto(`${url}#token=${token}`);
    await page.getByRole("article", { name: "Meeting 9999" }).waitFor();
    const name = page.getByRole("article", { name: "Meeting 3000" }).getByText("+4930123456", { exact: true });
    await name.selectText();
    const admit = page.getByRole("button", { name: "Admit +4930123456" });
    await page.evaluate("window.pressed = document.querySelector('[aria-label=\"Admit +4930123456\"]')");
    const drawn = () =>
      page.evaluate("new Promise((done) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done)), 50))");
    const told = (id: string, more: object) =>
      gateway.emit({ type: "participant", participant: { ...gateway.people.find((one) => one.id === id)!, ...more } });
    for (let i = 0; i < 5; i++) {
      for (const id of ["p1", "p3"]) told(id, { talking: i % 2 === 0 });
      await drawn();
    }
    expect(await page.evaluate("getSelection().toString()")).toBe("+4930123456");
    expect(await page.evaluate("window.pressed.isConnected")).toBe(true);
    // the button goes down before its person is drawn anew, and up after it
    await admit.hover();
    await page.mouse.down();
    told("p1", { talking: true });
    told("p2", { role: "host" });
    await drawn();
    await page.mouse.up();
    await expect.poll(() => gateway.people.find(({ id }) => id === "p2")!.state).toBe("joined");
    expect(faults).toEqual([]);
  });

  it("asks for the token, and says when it is wrong", async () => {
    await page.goto(url);
    await page.getByLabel("Token", { exact: true }).fill("wrong");
    await page.getByRole("button", { name: "Connect" }).click();
    await page.getByText("The token is not right.").waitFor();
    await page.getByLabel("Token", { exact: true }).fill(token);
    await page.keyboard.press("Enter");
    await page.getByText("Room Aurora").waitFor();
    await page.getByRole("button", { name: "Forget token" }).click();
    await page.getByLabel("Token", { exact: true }).waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
  });

  /** What axe has to say of the page as it is. */
  const violations = async (): Promise<string[]> => {
    await page.evaluate(axe);
    const { violations } = (await page.evaluate("axe.run()")) as {
      violations: { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
    };
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
  };

  it("lists bans, bans by hand and lifts by the keyboard alone, in English and German", async () => {
    defence.ban("192.0.2.66", 3_600_000);
    defence.ban("2001:db8:0:1::7", 3_600_000);
    await page.goto(`${url}#token=${token}`);
    await page.getByRole("cell", { name: "2001:db8:0:1::/64", exact: true }).waitFor();
    expect(await page.locator("#bans-count").textContent()).toBe("2");
    await page.getByRole("textbox", { name: "Address" }).focus();
    await page.keyboard.type("198.51.100.9");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    const banned = page.getByRole("row").filter({ hasText: "198.51.100.9" });
    await banned.getByText("by hand").waitFor();
    const { since, until, count } = defence.bans().find(({ address }) => address === "198.51.100.9")!;
    expect([Date.parse(until) - Date.parse(since), count]).toEqual([3_600_000, 1]);
    await page.getByRole("textbox", { name: "Address" }).fill("nobody");
    await page.getByRole("button", { name: "Ban", exact: true }).click();
    await page.getByRole("alert").getByText("address must be an IPv4 or IPv6 address").waitFor();
    expect(await violations()).toEqual([]);
    await page.getByLabel("Language").selectOption("de");
    await page.getByRole("heading", { name: "Gesperrte Adressen 3" }).waitFor();
    await shot("console-bans-german");
    expect(await page.evaluate("document.documentElement.lang")).toBe("de");
    expect(await violations()).toEqual([]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect(await violations()).toEqual([]);
    await page.getByRole("button", { name: "Aufheben Sperre von 192.0.2.66" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("cell", { name: "192.0.2.66", exact: true }).waitFor({ state: "detached" });
    expect(defence.bans().map(({ address }) => address)).not.toContain("192.0.2.66");
    // others ban too
    defence.ban("192.0.2.77", 60_000);
    await page.getByRole("cell", { name: "192.0.2.77", exact: true }).waitFor();
  });

  it("shows a token that is limited to one meeting what is its own, and tells a viewer that it may only read", async () => {
    await page.goto(`${url}#token=scoped-token-0123456789`);
    await page.getByText("+4930123456").waitFor();
    for (const heading of ["Banned addresses", "Trunks"]) expect(await page.getByRole("heading", { name: heading }).count()).toBe(0);
    await page.goto(`${url}#token=viewer-token-0123456789`);
    await page.getByRole("heading", { name: "Banned addresses" }).waitFor();
    await page.getByRole("textbox", { name: "Address" }).fill("192.0.2.1");
    await page.getByRole("button", { name: "Ban", exact: true }).click();
    await page.getByRole("alert").getByText("a viewer's token may only read").waitFor();
    expect(defence.bans()).toEqual([]);
  });

  it("takes a token that is pasted into the address of an open tab, and forgets it there", async () => {
    const addresses = () => page.evaluate("location.href + JSON.stringify(localStorage)") as Promise<string>;
    await page.goto(url);
    await page.getByLabel("Token", { exact: true }).waitFor();
    await page.evaluate(`location.hash = "#token=${token}"`);
    await page.getByText("Room Aurora").waitFor();
    expect(await addresses()).toBe(`${url}{}`);
    // another one, while the first is in use, and one that is wrong
    await page.evaluate('location.hash = "#token=scoped-token-0123456789"');
    await page.getByRole("heading", { name: "Trunks" }).waitFor({ state: "hidden" });
    expect(await addresses()).toBe(`${url}{}`);
    await page.evaluate('location.hash = "#token=wrong-token-0123456789"');
    await page.getByText("The token is not right.").waitFor();
    expect(await addresses()).toBe(`${url}{}`);
    await page.evaluate(`location.hash = "#token=${token}"`);
    await page.getByRole("heading", { name: "Trunks" }).waitFor();
    // anything else in the fragment is not ours
    await page.evaluate('location.hash = "#main"');
    expect(page.url()).toBe(`${url}#main`);
  });

  it("fits a phone without scrolling sideways", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(`${url}#token=${token}`);
    await page.getByText("Room Aurora").waitFor();
    await shot("console-phone");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
  });

  it("comes back when the gateway does", async () => {
    await page.goto(`${url}#token=${token}`);
    await page.getByText("Room Aurora").waitFor();
    await server.close();
    await page.getByText("Connection lost").waitFor();
    gateway.people[0] = participant("p1", { displayName: "Room Borealis" });
    const port = Number(new URL(url).port);
    server = createAdminServer({ gateway, token, version: "1.2.3", log: { warn() {}, error() {} } });
    await server.listen("127.0.0.1", port);
    await page.getByText("Room Borealis").waitFor();
    await page.getByText("ok, version").waitFor();
  });
});
