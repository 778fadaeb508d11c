// Banned addresses: who is not listened to, why, since when and until when; by hand, and lifted.

import { byId, fill, row } from "./elements.js";
import { time, word } from "./strings.js";

/** Rows that are shown; the rest is counted. */
const MOST = 200;
let bans = [];
let total = 0;

/** Reads the list. Where this token may not, as one that is limited to some meetings, there is no such section. */
export async function loadBans(askList) {
  const list = await askList(`/bans?limit=${MOST}`);
  byId("bans-section").hidden = list === null;
  bans = list?.items ?? [];
  total = list?.total ?? 0;
}

/** Shows the list; `action` makes a button of a label, what it is about and what it does, and `ask` asks the API. */
export function showBans(action, ask, changed) {
  byId("bans-count").textContent = total ? String(total) : "";
  const lift = ({ address }) =>
    action(word("lift"), word("theBan", address), async () => {
      await ask("DELETE", `/bans/${encodeURIComponent(address)}`);
      bans = bans.filter((ban) => ban.address !== address);
      total--;
      changed();
    });
  const shown = bans.map((ban) =>
    row("bans", ban.id, [
      [ban.address],
      [word("reasons", ban.reason)],
      [time(ban.since), "nowrap"],
      [time(ban.until), "nowrap"],
      [String(ban.count)],
      [lift(ban)],
    ]),
  );
  fill("bans", shown, word("noBans"));
  byId("bans-more").hidden = total <= bans.length;
  byId("bans-more").textContent = word("more", total - bans.length);
}

/** Bans what the form says. */
export async function banByHand(form, ask) {
  const seconds = Number(form.seconds.value);
  const made = await ask("POST", "/bans", { address: form.address.value.trim(), ...(seconds ? { seconds } : {}) });
  if (!bans.some((ban) => ban.id === made.id)) total++;
  bans = [made, ...bans.filter((ban) => ban.id !== made.id)];
  form.address.value = "";
}
