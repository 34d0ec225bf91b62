/** Asks before something is done that cannot be undone: `if (await confirmed({…})) …`. */
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";

export interface Question {
  title: string;
  body?: ReactNode;
  /** The word on the button that does it. */
  yes: string;
  /** What must be typed first, where a click is too easy. */
  typed?: string;
}

export interface Asked extends Question {
  answer: (yes: boolean) => void;
}

const Dialog = lazy(() => import("./ConfirmDialog"));
let show: ((asked: Asked) => void) | undefined;

/** Whether somebody said yes. */
export function confirmed(question: Question): Promise<boolean> {
  return new Promise((answer) => {
    if (show) show({ ...question, answer });
    else answer(false);
  });
}

/** Where the questions are shown; once in the page. */
export function Confirmations() {
  const [asked, setAsked] = useState<Asked>();
  useEffect(() => {
    show = setAsked;
    return () => {
      show = undefined;
    };
  }, []);
  return <Suspense>{asked && <Dialog asked={asked} close={() => setAsked(undefined)} />}</Suspense>;
}
