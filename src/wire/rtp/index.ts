export * from "./extensions.ts";
export * from "./packet.ts";
export * from "./telephone-event.ts";
