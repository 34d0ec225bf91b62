/** Shows the keys that there are. */
import { Kbd, Modal, Stack, Table } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Area } from "./areas";

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
