/** The cache of answers: what is asked again, and when. */
import { QueryClient } from "@tanstack/react-query";
import { Problem } from "@/api/problems";

const TRIES = 3;

/** A refusal will not change by asking again; a server that is away may come back. */
function worthAnotherTry(failures: number, error: Error): boolean {
  const refused = error instanceof Problem && error.status < 500 && error.status !== 429;
  return !refused && failures < TRIES;
}

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: { retry: worthAnotherTry, staleTime: 10_000, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});
