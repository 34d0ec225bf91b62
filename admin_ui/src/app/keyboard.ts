/** The keyboard of the whole console: `g` and a letter goes to an area, `?` shows what there is. */
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useMe } from "@/auth/SessionProvider";
import type { Area } from "./areas";

const PATIENCE = 1200;

/** Whether a key that was pressed there is text that somebody types. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

/** When `g` was pressed last: the key after it belongs to no view. */
let going = 0;

export type Keys = Record<string, ((event: KeyboardEvent) => void) | undefined>;

/** The keys of a view, while nobody types and no dialog is open. */
export function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    function pressed(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.defaultPrevented || Date.now() - going < PATIENCE) return;
      if (document.querySelector('[role="dialog"], [role="menu"], [role="listbox"]')) return;
      const does = latest.current[event.key];
      if (!does) return;
      event.preventDefault();
      does(event);
    }
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

export function useKeyboard(areas: Area[], toggleHelp: () => void): void {
  const navigate = useNavigate();
  const { tenant } = useMe();

  useEffect(() => {
    function pressed(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "?") toggleHelp();
      else if (event.key === "g") going = Date.now();
      else if (Date.now() - going < PATIENCE) {
        const area = areas.find(({ key }) => key === event.key);
        if (!area) return;
        // Views that hear this key, too, are passed by.
        setTimeout(() => {
          going = 0;
        });
        event.preventDefault();
        navigate({ to: `/${tenant}/${area.path}` as never });
      }
    }
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [areas, navigate, tenant, toggleHelp]);
}
