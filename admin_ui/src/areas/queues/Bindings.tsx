/** Which roles may do what on a queue: a matrix of roles and rights. */
import { ActionIcon, Button, Checkbox, Group, Table, Text, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type Draft, LISTS, type List } from "./draft";

interface Props {
  bindings: Draft["bindings"];
  change: (bindings: Draft["bindings"]) => void;
  known: string[];
}

const MANY = 8;

export function Bindings({ bindings, change, known }: Props) {
  const { t } = useTranslation();
  const [added, setAdded] = useState<string[]>([]);
  const [typed, setTyped] = useState("");
  const [search, setSearch] = useState("");
  const bound = LISTS.flatMap((list) => bindings[list]);
  const all = [...new Set([...bound, ...known, ...added])];
  const roles = all.filter((role) => role.toLowerCase().includes(search.toLowerCase()));

  const toggle = (role: string, list: List, on: boolean) =>
    change({
      ...bindings,
      [list]: on ? [...bindings[list], role] : bindings[list].filter((each) => each !== role),
    });
  const add = () => {
    const role = typed.trim();
    if (role) setAdded((before) => [...before, role]);
    setTyped("");
  };
  return (
    <>
      {all.length > MANY && (
        <TextInput
          size="xs"
          mb="xs"
          placeholder={t("queues.searchRoles")}
          aria-label={t("queues.searchRoles")}
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      )}
      <Table.ScrollContainer minWidth={460}>
        <Table className="plain-table" withRowBorders verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("queues.role")}</Table.Th>
              {LISTS.map((list) => (
                <Table.Th key={list} ta="center">
                  {t(`queues.lists.${list}`)}
                </Table.Th>
              ))}
              <Table.Td w={30} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {roles.map((role) => (
              <Table.Tr key={role}>
                <Table.Th scope="row">
                  <Text size="sm" c="var(--mantine-color-text)">
                    {role}
                  </Text>
                </Table.Th>
                {LISTS.map((list) => (
                  <Table.Td key={list}>
                    <Group justify="center">
                      <Checkbox
                        size="xs"
                        aria-label={t("queues.binds", { role, list: t(`queues.lists.${list}`) })}
                        checked={bindings[list].includes(role)}
                        onChange={(event) => toggle(role, list, event.currentTarget.checked)}
                      />
                    </Group>
                  </Table.Td>
                ))}
                <Table.Td>
                  {LISTS.some((list) => bindings[list].includes(role)) && (
                    <ActionIcon
                      size="xs"
                      variant="subtle"
                      color="gray"
                      aria-label={t("queues.unbind", { role })}
                      onClick={() => {
                        const without = { ...bindings };
                        for (const list of LISTS)
                          without[list] = without[list].filter((each) => each !== role);
                        change(without);
                      }}
                    >
                      <IconX size={13} />
                    </ActionIcon>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Group gap="xs" mt="xs">
        <TextInput
          size="xs"
          aria-label={t("queues.addRole")}
          placeholder={t("queues.addRoleHint")}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            add();
          }}
        />
        <Button size="xs" variant="default" leftSection={<IconPlus size={13} aria-hidden />} onClick={add}>
          {t("queues.addRole")}
        </Button>
      </Group>
    </>
  );
}
