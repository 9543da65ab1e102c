// The challenge of the page: a service of others judges whether a person is there. Its script is loaded when the engine
// asks for an answer, and not before.

const PROVIDER_WITHIN_MS = 15_000;
let provider = null;

/** The provider, once its script runs. A script that did not come is asked for again the next time. */
function providerFrom(url) {
  provider ??= new Promise((resolve, reject) => {
    const fail = () => reject(new Refusal("challenge_required"));
    const script = document.createElement("script");
    script.src = url;
    script.async = true;
    script.addEventListener("load", () => (window.turnstile ? resolve(window.turnstile) : fail()));
    script.addEventListener("error", fail);
    setTimeout(fail, PROVIDER_WITHIN_MS);
    document.head.append(script);
  }).catch((refusal) => {
    provider = null;
    throw refusal;
  });
  return provider;
}

/**
 * Where the visitor answers. The box belongs to the page around the widget, since providers find nothing inside of a
 * shadow tree; a slot of the widget shows it.
 */
class Challenge {
  #host;
  #end = null;

  constructor(host) {
    this.#host = host;
  }

  /** The answer, which is good for one request. A refusal if there is none: the visitor gave up, or the provider did. */
  async answer({ site_key: siteKey, script }) {
    const service = await providerFrom(script);
    this.giveUp();
    const box = h("div", { slot: "challenge" });
    this.#host.append(box);
    let id;
    try {
      return await new Promise((resolve, reject) => {
        this.#end = () => reject(new Refusal("challenge_required"));
        id = service.render(box, {
          sitekey: siteKey,
          theme: this.#theme,
          language: WORDS.language,
          callback: resolve,
          // True: it was dealt with, and the provider need not write it to the console.
          "error-callback": () => {
            this.#end();
            return true;
          },
          "unsupported-callback": () => this.#end(),
          "timeout-callback": () => service.reset(id),
        });
      });
    } finally {
      this.#end = null;
      if (id !== undefined) service.remove(id);
      box.remove();
    }
  }

  giveUp() {
    this.#end?.();
  }

  get #theme() {
    const wanted = this.#host.getAttribute("theme");
    return wanted === "light" || wanted === "dark" ? wanted : "auto";
  }
}
