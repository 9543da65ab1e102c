// Books one time with the types that openapi-typescript has made of the API: schema.ts. Compiled strictly, then run.
import type { components, operations } from "./schema.js";

declare const process: { argv: string[] };

type Body<Name extends keyof operations> = operations[Name] extends {
  requestBody: { content: { "application/json": infer Sent } };
}
  ? Sent
  : never;

const [, , origin, secretKey] = process.argv;

async function send<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { Authorization: `Bearer ${secretKey}`, "Content-Type": "application/json" };
  const response = await fetch(`${origin}${path}`, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) {
    const problem = (await response.json()) as components["schemas"]["Problem"];
    throw new Error(`${method} ${path}: ${problem.code}: ${problem.detail}`);
  }
  return (await response.json()) as Answer;
}

// One member alone: no other is required.
const patch: Body<"changeService"> = { description: null, rules: { lead_time_minutes: 0 } };
await send("PATCH", "/v1/services/haircut", patch);

const next = await send<components["schemas"]["NextAnswer"]>("GET", "/v1/availability/next?service=haircut&limit=1");
const [slot] = next.slots;
if (slot === undefined) throw new Error(`no slot: ${next.reason}`);
const place: Body<"placeHold"> = { service: next.service, start: slot.start };
const hold = await send<components["schemas"]["HoldAnswer"]>("POST", "/v1/holds", place);
const confirm: Body<"confirmHold"> = { customer: { name: "Dana Levi", email: "dana@example.com" } };
const booked = await send<components["schemas"]["BookedAnswer"]>("POST", `/v1/holds/${hold.id}/confirm`, confirm);
console.log(JSON.stringify({ id: booked.id, status: booked.status, start: booked.start, expected: slot.start }));
