// Asks for the figures with the operator key, which is in no URL and in no cookie, and which this tab alone keeps.

const NAME = "holdfast-operator-key";
const PATIENCE_MS = 5000;

/** The key opens nothing. */
export class WrongKey extends Error {}

export const keptKey = () => sessionStorage.getItem(NAME);
export const keepKey = (key) => sessionStorage.setItem(NAME, key);
export const forgetKey = () => sessionStorage.removeItem(NAME);

/** The JSON at a path below the page's. Throws WrongKey, and whatever `fetch` throws when nobody answers. */
export async function ask(path, key) {
  // What no header can hold is no key either.
  if (!/^[\x21-\x7e\xa0-\xff]+$/.test(key)) throw new WrongKey();
  const response = await fetch(path, {
    headers: { Authorization: `Bearer ${key}` },
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (response.status === 401) throw new WrongKey();
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.json();
}
