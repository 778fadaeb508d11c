#!/usr/bin/env node
// Runs the command line on a Node.js that can (24, which runs TypeScript as it stands): this one, or else the one pinned in package.json, which
// `npm ci` has put beside. Plain JavaScript without new syntax: it must say something sensible on any Node.js.
import { spawn } from "node:child_process";
import * as module from "node:module";
import { fileURLToPath } from "node:url";

// What has been compiled once is kept: the second start takes half the time. Workers and the pinned Node.js read the variable.
const cache = fileURLToPath(new URL("../../node_modules/.cache/crosspoint", import.meta.url));
process.env.NODE_COMPILE_CACHE ??= cache;

// Left alone, V8 lets the nursery of a busy thread grow to 128 MB, and all of it is touched in turn. Most of what a call makes is garbage within
// milliseconds: 2 x 8 MB hold it as well. The limit can only be given when a Node.js starts.
const nursery = "--max-semi-space-size=8";
const limited = [...process.execArgv, process.env.NODE_OPTIONS ?? ""].some((option) => option.includes("semi-space-size"));

const [major, minor] = process.versions.node.split(".").map(Number);

if (major >= 24 && process.argv[2] === "start" && !limited && !process.connected && typeof process.execve === "function") {
  // The same process, begun again: nobody outside sees a difference.
  process.execve(process.execPath, [
    process.execPath,
    nursery,
    ...process.execArgv,
    fileURLToPath(import.meta.url),
    ...process.argv.slice(2),
  ]);
} else if (major >= 24) {
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import("./main.ts");
} else {
  const pinned = findPinned();
  if (pinned) await runOn(pinned);
  else if (major > 22 || (major === 22 && minor >= 18)) await import("./main.ts");
  else {
    process.stderr.write(
      `crosspoint needs Node.js 24; this is ${process.versions.node}, and the pinned one (package node-${process.platform}-${process.arch}) is not installed. Run "npm ci" without --omit=optional.\n`,
    );
    process.exitCode = 1;
  }
}

function findPinned() {
  try {
    return module.createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
  } catch {
    return null;
  }
}

/** Runs this file on another Node.js: same arguments and terminal, signals passed on, same exit code. */
async function runOn(node) {
  const args = ["--disable-warning=ExperimentalWarning", nursery, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  // The channel carries nothing: its end tells the child that this process is gone.
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) process.on(signal, () => child.kill(signal));
  const [code, signal] = await new Promise((resolve) => {
    child.once("error", (error) => {
      process.stderr.write(`crosspoint: ${node} cannot be started: ${error.message}\n`);
      resolve([1, null]);
    });
    child.once("exit", (...end) => resolve(end));
  });
  if (child.connected) child.disconnect();
  process.exit(code ?? (signal === "SIGINT" ? 130 : 1));
}
