export * from "./extensions.ts";
export * from "./h264.ts";
export * from "./packet.ts";
export * from "./rtx.ts";
export * from "./telephone-event.ts";
export * from "./vp8.ts";
