/** `npm run api:update`: writes the report of the public API, which `npm test` compares. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { doorTypes } from "./declarations.ts";
import { root } from "./doors.ts";

const folder = join(root, "docs/api");
const doors = doorTypes();
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const { door, report } of doors) writeFileSync(join(folder, `${door}.api.md`), report);
