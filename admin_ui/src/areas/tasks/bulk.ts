/** The same for many tasks: a few calls at a time, and what became of each. */
import { wordsOf } from "@/ui/act";

const AT_ONCE = 6;

export interface Outcome {
  done: number;
  refused: string[];
}

/** Do `work` for every item, six at a time; a refusal stops nothing. Answers how many were done, and the refusals. */
export async function forEach<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<Outcome> {
  const left = [...items];
  const outcome: Outcome = { done: 0, refused: [] };
  async function hand() {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      try {
        await work(item);
        outcome.done += 1;
      } catch (error) {
        outcome.refused.push(wordsOf(error));
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, hand));
  return outcome;
}
