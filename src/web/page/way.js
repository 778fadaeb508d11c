import { say } from "./strings.js";

const $ = (id) => document.getElementById(id);

/** Between the form and the meeting: what a caller is asked for, and waits for. */
export class WayView {
  #state;
  #send;

  /** @param send sends keys; @param leave gives up */
  constructor(send, leave) {
    this.#send = send;
    $("keys-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const keys = $("keys").value;
      $("keys").value = "";
      this.#send(`${keys}#`);
    });
    $("no-pin").addEventListener("click", () => this.#send("#"));
    $("give-up").addEventListener("click", leave);
  }

  /**
   * @param state a dialogue state, "opening" or "rejoining"
   * @param details what the gateway says with it: wrong attempts, and whether a host is in
   */
  show(state, { attempt = 0, hostPresent = true } = {}) {
    this.#state = { state, details: { attempt, hostPresent } };
    const [heading, text] = say(state === "lobby" && !hostPresent ? "lobbyWithoutHost" : state);
    const asks = state === "pin" || state === "number";
    $("way").hidden = false;
    $("way-heading").textContent = heading;
    $("way-text").textContent = text;
    $("keys-form").hidden = !asks;
    $("no-pin").hidden = state !== "naming";
    $("no-pin").textContent = say("continue");
    $("keys-error").hidden = !asks || attempt === 0;
    if (!asks) {
      $("way-heading").focus();
      return;
    }
    $("keys-label").textContent = say(`${state}Label`);
    // a PIN is not for whoever looks over the shoulder, nor for the browser's memory
    $("keys").type = state === "pin" ? "password" : "text";
    $("keys-error").textContent = say(`${state}Wrong`);
    $("keys").setAttribute("aria-invalid", String(attempt > 0));
    $("keys").setAttribute("aria-describedby", attempt > 0 ? "keys-error way-text" : "way-text");
    $("keys").focus();
  }

  /** Says the same in another language. */
  again() {
    if (this.#state && !$("way").hidden) this.show(this.#state.state, this.#state.details);
  }

  hide() {
    $("way").hidden = true;
  }
}
