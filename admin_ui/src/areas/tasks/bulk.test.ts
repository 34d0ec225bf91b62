/** Every item is tried once, never more than six at a moment. */
import { expect, test } from "vitest";
import { forEach } from "./bulk";

test("refusals are told and stop nothing", async () => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  const outcome = await forEach(
    Array.from({ length: 40 }, (_, n) => n),
    async (n) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      seen.push(n);
      if (n % 10 === 0) throw new Error(`not ${n}`);
    },
  );
  expect(outcome).toEqual({ done: 36, refused: ["not 0", "not 10", "not 20", "not 30"] });
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n));
  expect(most).toBe(6);
});
