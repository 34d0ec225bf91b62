/** A button whose menu or panel is loaded when it is first pressed: what is seldom opened does not delay the rest. */
import {
  type ComponentType,
  cloneElement,
  type KeyboardEvent,
  type ReactElement,
  type RefAttributes,
  useEffect,
  useRef,
  useState,
} from "react";
import { useTranslation } from "react-i18next";
import { notify } from "./notices";

/** What a popup gets: the button that it belongs to. */
export interface Popped {
  target: ReactElement;
}

type Button = ReactElement<
  RefAttributes<HTMLButtonElement> & { onClick?: () => void; onKeyDown?: (event: KeyboardEvent) => void }
>;

interface Props<P> {
  children: Button;
  load: () => Promise<{ default: ComponentType<P & Popped> }>;
  /** What the popup gets beside its button. */
  given: P;
  /** What opens, as it is told to those who do not see it. */
  opens?: "menu" | "dialog";
}

export function Later<P extends object>({ children, load, given, opens = "menu" }: Props<P>) {
  const { t } = useTranslation();
  const button = useRef<HTMLButtonElement>(null);
  const [Popup, setPopup] = useState<ComponentType<P & Popped> | null>(null);
  // The button is another element now, and what opens gives the focus back to the one that had it.
  useEffect(() => {
    if (Popup) button.current?.focus();
  }, [Popup]);

  async function arrive() {
    try {
      const { default: arrived } = await load();
      setPopup(() => arrived);
    } catch {
      notify({ message: t("problem.network"), color: "red" });
    }
  }
  if (Popup) return <Popup {...given} target={cloneElement(children, { ref: button })} />;
  const closed = { ref: button, onClick: arrive, "aria-haspopup": opens, "aria-expanded": false };
  return cloneElement(children, closed);
}

/** For a popup that has just been loaded: it opens at once. */
export function useArrival(): { opened: boolean; onChange: (opened: boolean) => void } {
  const [opened, setOpened] = useState(false);
  useEffect(() => setOpened(true), []);
  return { opened, onChange: setOpened };
}

/** A popup's button: it opens and closes it, and Escape closes it before the focus has moved inside, too. */
export function pressed(
  target: Popped["target"],
  { opened, onChange }: ReturnType<typeof useArrival>,
): ReactElement {
  return cloneElement(target as Button, {
    onClick: () => onChange(!opened),
    onKeyDown: ({ key }) => key === "Escape" && onChange(false),
  });
}
