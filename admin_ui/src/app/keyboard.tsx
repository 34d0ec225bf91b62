/** The keyboard of the whole console: `g` and a letter goes to an area, `?` shows what there is. */
import { Kbd, Modal, Stack, Table } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/auth/SessionProvider";
import type { Area } from "./areas";

const PATIENCE = 1200;

/** Whether a key that was pressed there is text that somebody types. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

export function useKeyboard(areas: Area[], toggleHelp: () => void): void {
  const navigate = useNavigate();
  const { tenant } = useMe();
  const going = useRef(0);

  useEffect(() => {
    function pressed(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "?") toggleHelp();
      else if (event.key === "g") going.current = Date.now();
      else if (Date.now() - going.current < PATIENCE) {
        const area = areas.find(({ key }) => key === event.key);
        going.current = 0;
        if (!area) return;
        event.preventDefault();
        navigate({ to: `/${tenant}/${area.path}` as never });
      }
    }
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [areas, navigate, tenant, toggleHelp]);
}

/** Keys beside those of the areas: what they do is `keyboard.*`. */
const KEYS: [string[], string][] = [
  [["?"], "help"],
  [["/"], "search"],
  [["j"], "down"],
  [["k"], "up"],
  [["Enter"], "open"],
  [["x"], "select"],
  [["n"], "next"],
  [["a"], "assign"],
  [["p"], "priority"],
  [["Esc"], "close"],
];

export function KeyboardHelp({
  opened,
  onClose,
  areas,
}: {
  opened: boolean;
  onClose: () => void;
  areas: Area[];
}) {
  const { t } = useTranslation();
  const all: [string[], string][] = [
    ...areas.map(({ key, path }): [string[], string] => [["g", key], t(`areas.${path}`)]),
    ...KEYS.map(([keys, name]): [string[], string] => [keys, t(`keyboard.${name}`)]),
  ];
  return (
    <Modal opened={opened} onClose={onClose} title={t("keyboard.title")}>
      <Stack>
        <Table>
          <Table.Tbody>
            {all.map(([keys, does]) => (
              <Table.Tr key={does}>
                <Table.Td w={90}>
                  {keys.map((key) => (
                    <Kbd key={key} mr={4}>
                      {key}
                    </Kbd>
                  ))}
                </Table.Td>
                <Table.Td>{does}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Stack>
    </Modal>
  );
}
